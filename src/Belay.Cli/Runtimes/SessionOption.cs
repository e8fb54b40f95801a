using System.CommandLine;
using System.Text.RegularExpressions;

namespace Belay.Cli.Runtimes;

/// <summary>Names the session that a verb works on.</summary>
internal sealed partial class SessionOption(bool required, string? description = null)
{
    private readonly Option<string?> _option = new("--session-id")
    {
        Description = description ?? (required ? "Session." : "Session to continue; a new one when left out."),
        HelpName = "ID",
        Required = required,
    };

    /// <summary>Adds the option to a verb.</summary>
    public void AddTo(Command command)
    {
        _option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } id && !Session().IsMatch(id))
            {
                result.AddError("--session-id must have 33 to 100 letters, digits, - and _, and begin with a letter or digit; a UUID will do.");
            }
        });
        command.Add(_option);
    }

    /// <summary>The session; null when none is given.</summary>
    public string? Read(ParseResult parsed) => parsed.GetValue(_option);

    /// <summary>The endpoint of a harness, for verbs that take one.</summary>
    public static Option<string?> NewQualifier() => new("--qualifier") { Description = "Endpoint of the harness (default DEFAULT).", HelpName = "NAME" };

    [GeneratedRegex("^[a-zA-Z0-9][a-zA-Z0-9_-]{32,99}$")]
    private static partial Regex Session();
}
