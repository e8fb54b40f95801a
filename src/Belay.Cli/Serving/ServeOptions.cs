using System.CommandLine;
using System.Net;
using Belay.Cli.CommandLine;
using Belay.Server.Logging;

namespace Belay.Cli.Serving;

/// <summary>The options of <c>serve</c>.</summary>
internal sealed class ServeOptions
{
    private readonly Option<int?> _port = new("--port", "-p") { Description = "Port to listen on; 0 lets the system choose (default 8642).", HelpName = "PORT" };
    private readonly Option<string?> _data = new("--data") { Description = "Directory for everything the server keeps (default ./.belay).", HelpName = "DIR" };
    private readonly Option<string> _address = new("--host") { Description = "Address to listen on.", HelpName = "ADDRESS", DefaultValueFactory = _ => "127.0.0.1" };
    private readonly Option<string> _sandbox = new("--sandbox") { Description = "Where tools run: auto, process, or unconfined, which isolates nothing.", HelpName = "DRIVER", DefaultValueFactory = _ => "auto" };
    private readonly Option<string> _store = new("--store") { Description = "Where state is kept.", HelpName = "STORE", DefaultValueFactory = _ => "sqlite" };
    private readonly Option<string?> _region = new("--region") { Description = "Region of the resources (default us-west-2).", HelpName = "REGION" };
    private readonly Option<string> _account = new("--account") { Description = "Account of the first access key.", HelpName = "DIGITS", DefaultValueFactory = _ => ServeSettings.DefaultAccount };
    private readonly Option<string?> _model = new("--default-model") { Description = "Model of harnesses that name none.", HelpName = "ID" };
    private readonly Option<bool> _providerKeys = new("--provider-keys") { Description = "Let harnesses use the OPENAI_API_KEY and GEMINI_API_KEY of this environment." };
    private readonly Option<string?> _tlsCertificate = new("--tls-cert") { Description = "Certificate for TLS, as a PEM file, followed by those that signed it.", HelpName = "FILE" };
    private readonly Option<string?> _tlsKey = new("--tls-key") { Description = "The certificate's private key, as a PEM file (default: in the certificate's file).", HelpName = "FILE" };
    private readonly Option<string> _logFormat = new("--log-format") { Description = "Lines of the log: text, or json for programs.", HelpName = "FORMAT", DefaultValueFactory = _ => "text" };
    private readonly Option<string> _logLevel = new("--log-level") { Description = "What is logged at least: trace, debug, information, warning, error, critical or none.", HelpName = "LEVEL", DefaultValueFactory = _ => "information" };
    private readonly Option<string[]> _set = new("--set") { Description = "A setting by name; can be repeated.", HelpName = "NAME=VALUE", DefaultValueFactory = _ => [] };

    /// <summary>Adds the options to the verb.</summary>
    public void AddTo(Command command)
    {
        Validation.Port(_port, smallest: 0);
        _sandbox.AcceptOnlyFromAmong("auto", "process", "unconfined");
        _store.AcceptOnlyFromAmong("sqlite");
        _logFormat.AcceptOnlyFromAmong("text", "json");
        _logLevel.AcceptOnlyFromAmong([.. LogLevels.Names]);
        _address.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } address && address != "localhost" && !IPAddress.TryParse(address, out _))
            {
                result.AddError("--host must be an IP address, such as 127.0.0.1 or 0.0.0.0, or localhost.");
            }
        });
        _account.Validators.Add(Validation.Account);
        _set.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.IndexOf('=', StringComparison.Ordinal) <= 0))
            {
                result.AddError($"--set takes NAME=VALUE; \"{token.Value}\" is not that.");
            }
        });
        Option[] all = [_port, _data, _address, _sandbox, _store, _region, _account, _model, _providerKeys, _tlsCertificate, _tlsKey, _logFormat, _logLevel, _set];
        foreach (var option in all)
        {
            command.Add(option);
        }
    }

    /// <summary>The settings that options and environment say.</summary>
    public ServeSettings Read(ParseResult parsed, CliHost host) => new()
    {
        DataDirectory = ConnectionOptions.DataDirectory(parsed.GetValue(_data), host),
        Host = parsed.GetRequiredValue(_address) is "localhost" ? "127.0.0.1" : parsed.GetRequiredValue(_address),
        Port = parsed.GetValue(_port) ?? ServeSettings.DefaultPort,
        Sandbox = parsed.GetRequiredValue(_sandbox),
        Region = ConnectionOptions.Region(parsed.GetValue(_region), host),
        Account = parsed.GetRequiredValue(_account),
        DefaultModel = parsed.GetValue(_model),
        ProviderKeysFromEnvironment = parsed.GetValue(_providerKeys),
        Named = parsed.GetRequiredValue(_set).Select(pair => pair.Split('=', 2)).GroupBy(pair => pair[0]).ToDictionary(group => group.Key, group => group.Last()[1]),
        Environment = host.Environment,
        TlsCertificate = FullPath(parsed.GetValue(_tlsCertificate), host),
        TlsKey = FullPath(parsed.GetValue(_tlsKey), host),
        LogFormat = parsed.GetRequiredValue(_logFormat) == "json" ? LogFormat.Json : LogFormat.Text,
        LogLevel = LogLevels.Find(parsed.GetRequiredValue(_logLevel))!.Value,
    };

    private static string? FullPath(string? path, CliHost host) => path is null ? null : Path.GetFullPath(path, host.WorkingDirectory);
}
