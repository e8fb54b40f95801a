namespace Belay.Models;

/// <summary>Where the key of a provider's calls comes from. It is asked for each call, so that a key that changed is the next call's.</summary>
internal sealed class ProviderKey
{
    /// <summary>Calls that carry no key.</summary>
    public static readonly ProviderKey None = new(_ => ValueTask.FromResult<string?>(null));

    private readonly Func<CancellationToken, ValueTask<string?>> _read;

    /// <summary>A key that somebody looks up.</summary>
    /// <param name="read">Answers the key; null to send none. Throws a <see cref="ModelException"/> when there should be one and is none.</param>
    public ProviderKey(Func<CancellationToken, ValueTask<string?>> read) => _read = read;

    /// <summary>Whether it is made anew for each call, so that one call's tells nothing about another's.</summary>
    public bool IsMadeForEachCall { get; init; }

    /// <summary>A key that is known; null to send none.</summary>
    public static ProviderKey Of(string? key) => key is null ? None : new(_ => ValueTask.FromResult<string?>(key));

    /// <summary>The key of one call.</summary>
    public ValueTask<string?> ReadAsync(CancellationToken cancellationToken) => _read(cancellationToken);
}
