namespace Belay.Agents;

/// <summary>Where the text of a tool's result is stored of which the conversation keeps a part.</summary>
/// <param name="Path">The file, from the session's working directory.</param>
/// <param name="Characters">UTF-16 characters in it.</param>
/// <param name="Preview">UTF-16 characters of it that the conversation keeps, half of them from its end.</param>
public sealed record OffloadedResult(string Path, int Characters, int Preview);
