namespace Belay.Harnesses;

/// <summary>One page of a list.</summary>
/// <param name="Items">What is on the page.</param>
/// <param name="Next">Position after the last item; null on the last page.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? Next);
