using System.Text.Json.Serialization;

namespace Belay.Bench.Loop;

/// <summary>JSON of plain strings.</summary>
[JsonSerializable(typeof(string))]
internal sealed partial class PlainJson : JsonSerializerContext;
