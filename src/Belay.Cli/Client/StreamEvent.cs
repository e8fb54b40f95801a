using System.Text.Json;

namespace Belay.Cli.Client;

/// <summary>One event of a response stream, as it came: a newer server may send types that this program does not know.</summary>
/// <param name="Type">The frame's event type.</param>
/// <param name="Payload">Its JSON.</param>
internal sealed record StreamEvent(string Type, JsonElement Payload);
