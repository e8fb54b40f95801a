using System.CommandLine;
using Belay.Cli.Client;
using Belay.Cli.Keys;
using Belay.Cli.Serving;
using Belay.Storage;

namespace Belay.Cli.CommandLine;

/// <summary>
/// The options with which every verb finds its server: <c>--url</c>, else <c>--port</c>, else the one that holds an explicit <c>--data</c>, else the
/// environment that <c>belay env</c> prints, else the one that holds ./.belay, else port 8642. Keys come from an explicit <c>--data</c>, else that
/// environment, else ./.belay.
/// </summary>
internal sealed class ConnectionOptions
{
    private const string ControlVariable = "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL";
    private const string DataVariable = "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE";

    private readonly Option<string?> _url = new("--url") { Description = "Server to talk to, such as http://127.0.0.1:8642.", HelpName = "URL" };
    private readonly Option<int?> _port = new("--port", "-p") { Description = "Port of a server on this machine (default: of the server that holds the data directory, else 8642).", HelpName = "PORT" };
    private readonly Option<string?> _data = new("--data") { Description = "Data directory of the server, where its keys are (default ./.belay).", HelpName = "DIR" };
    private readonly Option<string?> _region = new("--region") { Description = "Region of the request (default us-west-2).", HelpName = "REGION" };
    private readonly Option<bool> _json = new("--json") { Description = "Print JSON for programs." };

    /// <summary>Adds the options to a verb.</summary>
    public void AddTo(Command command)
    {
        _url.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } url && !IsServer(url))
            {
                result.AddError("--url must be an absolute http or https URL without a path, such as http://127.0.0.1:8642.");
            }
        });
        Validation.Port(_port, smallest: 1);
        command.Add(_url);
        command.Add(_port);
        command.Add(_data);
        command.Add(_region);
        command.Add(_json);
    }

    /// <summary>Whether JSON is wanted.</summary>
    public bool Json(ParseResult parsed) => parsed.GetValue(_json);

    /// <summary>Whether the options name a server by its URL.</summary>
    public bool NamesUrl(ParseResult parsed) => parsed.GetValue(_url) is not null;

    /// <summary>The data directory, absolute.</summary>
    public string DataDirectory(ParseResult parsed, CliHost host) => DataDirectory(parsed.GetValue(_data), host);

    /// <summary>The data directory that a value of <c>--data</c> means, absolute.</summary>
    public static string DataDirectory(string? value, CliHost host) =>
        Path.GetFullPath(value ?? ServeSettings.DefaultDataDirectory, host.WorkingDirectory);

    /// <summary>The region that a value of <c>--region</c> means.</summary>
    public static string Region(string? value, CliHost host) =>
        value ?? host.Variable("AWS_REGION") ?? host.Variable("AWS_DEFAULT_REGION") ?? ServeSettings.DefaultRegion;

    /// <summary>The region of requests.</summary>
    public string Region(ParseResult parsed, CliHost host) => Region(parsed.GetValue(_region), host);

    /// <summary>The server that the options name, whatever the environment says.</summary>
    public string GivenServer(ParseResult parsed, CliHost host) =>
        (Given(parsed) ?? Holder(DataDirectory(parsed, host)) ?? Local(ServeSettings.DefaultPort)).TrimEnd('/');

    /// <summary>Whether a server is named rather than a directory: by an option, or by the environment where no directory is.</summary>
    public bool NamesServer(ParseResult parsed, CliHost host) =>
        parsed.GetValue(_url) is not null
        || parsed.GetValue(_port) is not null
        || (parsed.GetValue(_data) is null && (host.Variable(ControlVariable) ?? host.Variable(DataVariable)) is not null);

    /// <summary>Control and data plane.</summary>
    public (Uri Control, Uri Data) Servers(ParseResult parsed, CliHost host)
    {
        var directory = DataDirectory(parsed, host);
        var given = Given(parsed) ?? (parsed.GetValue(_data) is null ? null : Holder(directory));
        var control = given ?? host.Variable(ControlVariable) ?? host.Variable(DataVariable) ?? Holder(directory) ?? Local(ServeSettings.DefaultPort);
        var data = given ?? host.Variable(DataVariable) ?? control;
        return (Server(control, ControlVariable), Server(data, DataVariable));
    }

    /// <summary>A client for the server that the options mean.</summary>
    public BelayClient Connect(ParseResult parsed, CliHost host)
    {
        var (control, data) = Servers(parsed, host);
        var (key, account) = FindKey(parsed, host);
        return new BelayClient(new Connection(control, data, key, Region(parsed.GetValue(_region), host), account) { GivenDirectory = parsed.GetValue(_data) }, host.Http(), host.Time);
    }

    private (SigningKey Key, string Account) FindKey(ParseResult parsed, CliHost host)
    {
        var directory = DataDirectory(parsed, host);
        var explicitDirectory = parsed.GetValue(_data) is not null;
        if (explicitDirectory && StoredKeys.First(directory, host) is { } named)
        {
            return named;
        }

        // Other keys in the environment belong to AWS and are not shown to any server of ours.
        if (host.Variable("AWS_ACCESS_KEY_ID") is { } id && id.StartsWith("BELAY", StringComparison.Ordinal) && host.Variable("AWS_SECRET_ACCESS_KEY") is { } secret)
        {
            return (new SigningKey(id, secret), ServeSettings.DefaultAccount);
        }

        return StoredKeys.First(directory, host) ?? throw new CliException(
            ExitCode.Refused,
            $"No access key: {directory} holds none, and this shell has none from `belay env`.",
            $"Start a server, which makes one: belay serve --data {(explicitDirectory ? directory : ServeSettings.DefaultDataDirectory)}. For a server elsewhere, export the lines that `belay env` prints there.");
    }

    private string? Given(ParseResult parsed) => parsed.GetValue(_url) ?? (parsed.GetValue(_port) is { } port ? Local(port) : null);

    // The directory is the user's, and what stands there is used only where it is a server's address.
    private static string? Holder(string directory)
    {
        try
        {
            return DataDirectoryLock.AddressOf(directory) is { } url && IsServer(url) ? url : null;
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string Local(int port) => $"http://127.0.0.1:{port}";

    private static Uri Server(string text, string source) => IsServer(text)
        ? new Uri(text)
        : throw CliException.Usage($"{source} is not an absolute http or https URL without a path: {text}", "Run: eval \"$(belay env)\"");

    private static bool IsServer(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is ("http" or "https") && url.PathAndQuery == "/" && url.UserInfo.Length == 0;
}
