namespace Belay.Cli.Projects;

/// <summary>A place in a file. Lines and columns count from 1, columns in UTF-16 characters.</summary>
internal readonly record struct Position(int Line, int Column)
{
    /// <summary>The beginning of a file.</summary>
    public static Position Start => new(1, 1);
}

/// <summary>One thing wrong with one place of a file, as compilers say it, so that editors find the place.</summary>
/// <param name="File">The file, as the reader names it.</param>
/// <param name="At">Where in the file.</param>
/// <param name="Path">Dotted path of the member; empty for the file as a whole.</param>
/// <param name="Message">What is wrong and what is right. Values are not repeated: they may be secrets.</param>
internal sealed record FileProblem(string File, Position At, string Path, string Message)
{
    /// <summary>What would be right, when that is a closed set.</summary>
    public IReadOnlyCollection<string> Allowed { get; init; } = [];

    /// <summary>Which of the allowed words was probably meant.</summary>
    public string? Closest { get; init; }

    /// <summary>Message, guess and allowed words on one line.</summary>
    public string Text =>
        $"{Message}{(Closest is null ? "" : $", did you mean {Closest}?")}{(Allowed.Count == 0 ? "" : $"; allowed: {string.Join(", ", Allowed)}")}";

    /// <summary><c>file:line:column: path: problem; allowed: a, b, c</c>.</summary>
    public override string ToString() => $"{File}:{At.Line}:{At.Column}: {(Path.Length == 0 ? "" : Path + ": ")}{Text}";
}
