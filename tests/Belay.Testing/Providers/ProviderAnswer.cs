namespace Belay.Testing.Providers;

/// <summary>What a scripted provider answers, for whatever carries it to the client.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="ContentType">Content type.</param>
/// <param name="Headers">Further headers.</param>
/// <param name="Body">Pieces of the body, each sent by itself. It throws <see cref="IOException"/> where the connection breaks.</param>
public sealed record ProviderAnswer(int Status, string ContentType, IReadOnlyDictionary<string, string> Headers, IAsyncEnumerable<byte[]> Body);
