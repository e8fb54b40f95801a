using System.CommandLine;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Backups;

/// <summary><c>--passphrase-file</c>: what seals an archive. A file, because arguments and variables can be read by other programs.</summary>
internal sealed class Passphrase
{
    private const int Shortest = 12;
    private const int Longest = 1024;

    private readonly Option<string> _file = new("--passphrase-file")
    {
        Description = "File whose first line seals the archive: 12 to 1,024 characters.",
        HelpName = "FILE",
        Required = true,
    };

    /// <summary>Adds the option to a verb.</summary>
    public void AddTo(Command command) => command.Add(_file);

    /// <summary>The path as it was given.</summary>
    public string Path(ParseResult parsed) => parsed.GetRequiredValue(_file);

    /// <summary>Reads it.</summary>
    public string Read(ParseResult parsed, CliHost host)
    {
        var path = System.IO.Path.GetFullPath(Path(parsed), host.WorkingDirectory);
        string? line;
        try
        {
            using var reader = new StreamReader(path);
            line = reader.ReadLine();
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCode.Usage, $"The passphrase's file cannot be read: {path}", "Make one: (umask 077; openssl rand -base64 32 > FILE). Keep it apart from the archive.", cause);
        }

        return line is { Length: >= Shortest and <= Longest }
            ? line
            : throw CliException.Usage($"The first line of {path} must have {Shortest} to {Longest} characters.", "Make one: (umask 077; openssl rand -base64 32 > FILE). Keep it apart from the archive.");
    }
}
