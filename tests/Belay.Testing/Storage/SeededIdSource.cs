using Belay.Storage;

namespace Belay.Testing.Storage;

/// <summary>Ids that are the same in every run with the same seed.</summary>
public sealed class SeededIdSource(int seed) : IdSource
{
    private readonly Lock _gate = new();
    private readonly Random _random = new(seed);

    public override void Fill(Span<byte> bytes)
    {
        lock (_gate)
        {
            _random.NextBytes(bytes);
        }
    }
}
