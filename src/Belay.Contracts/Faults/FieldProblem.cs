namespace Belay.Contracts.Faults;

/// <summary>One thing wrong with one field of a request.</summary>
/// <param name="Name">Dotted path with indices, such as <c>tools[1].config.remoteMcp.url</c>.</param>
/// <param name="Message">The value's problem and the rule, in the caller's words, without the value of a sensitive field.</param>
public sealed record FieldProblem(string Name, string Message);
