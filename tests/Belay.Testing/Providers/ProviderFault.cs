namespace Belay.Testing.Providers;

/// <summary>What goes wrong with one call of a scripted provider. The set is closed. Where a fault happens is counted in pieces of
/// content: 0 is before the model has said anything.</summary>
public abstract record ProviderFault
{
    private ProviderFault()
    {
    }

    /// <summary>An HTTP error in place of an answer.</summary>
    /// <param name="Code">Status, 400 to 599.</param>
    /// <param name="RetryAfter">How long the provider asks to be left alone, in whole seconds; null to say nothing.</param>
    public sealed record Status(int Code, TimeSpan? RetryAfter = null) : ProviderFault;

    /// <summary>The connection is reset before a byte of the answer.</summary>
    public sealed record Reset : ProviderFault;

    /// <summary>The connection breaks in the middle of a piece.</summary>
    public sealed record Cut(int After) : ProviderFault;

    /// <summary>The connection breaks in the middle of a character, of the first that has more than one byte.</summary>
    public sealed record HalfCharacter : ProviderFault;

    /// <summary>The stream ends cleanly, without having said that it does.</summary>
    public sealed record NoFinish(int After) : ProviderFault;

    /// <summary>An event comes that no protocol allows.</summary>
    public sealed record Garbage(int After) : ProviderFault;

    /// <summary>A stream that began with 200 says that the provider is overloaded.</summary>
    public sealed record ErrorInside(int After) : ProviderFault;

    /// <summary>Nothing more comes, and the connection stays open.</summary>
    /// <param name="After">Pieces of content before; null for no answer at all.</param>
    public sealed record Hang(int? After) : ProviderFault;

    /// <summary>The answer is right, and comes byte by byte.</summary>
    public sealed record Drip : ProviderFault;
}
