using Belay.Contracts.Harnesses;
using Belay.Harnesses;
using Belay.Models;
using Belay.Sandboxes;
using Belay.Server;
using Belay.Server.Logging;
using Belay.Storage;
using Belay.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Belay.Cli.Serving;

/// <summary>From the command line and the environment to a running server.</summary>
internal static class Composition
{
    /// <summary>Starts a server in this process; it answers when the task completes.</summary>
    /// <param name="settings">How it is to run.</param>
    /// <param name="hurry">Ends its patience with what runs when it is to stop.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<RunningServer> StartAsync(ServeSettings settings, CancellationToken hurry, CancellationToken cancellationToken)
    {
        var server = Settings(settings);
        var levels = new LogLevels(settings.Log ? settings.LogLevel : LogLevel.None);
        var logging = Logging(settings.LogFormat, levels);
        try
        {
            var parts = await ServerParts.OpenAsync(server, logging, levels, cancellationToken);
            var belay = BelayServer.Create(server, parts);
            try
            {
                await belay.StartAsync(cancellationToken);
                DataDirectoryLock.TellAddress(settings.DataDirectory, RunningServer.Local(belay.Address));
            }
            catch
            {
                await belay.DisposeAsync();
                throw;
            }

            var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            belay.Stopping.Register(stopped.SetResult);
            return new RunningServer(belay.Address, parts.Sandbox, stopped.Task, async () =>
            {
                // The server's own limits end every other wait.
                await belay.StopAsync(hurry);
                await belay.DisposeAsync();
                logging.Dispose();
            });
        }
        catch
        {
            logging.Dispose();
            throw;
        }
    }

    /// <summary>The drivers that a server with these settings would choose from.</summary>
    public static IReadOnlyList<ISandboxDriver> SandboxDrivers(ServeSettings settings) =>
        Sandboxes.SandboxDrivers.Create(settings.DataDirectory, Settings(settings).Sandboxes, TimeProvider.System, IdSource.System);

    /// <summary>The server's settings: options first, then what was set by name, then what follows from the environment.</summary>
    public static ServerSettings Settings(ServeSettings settings)
    {
        var server = NamedSettings.Apply(
            new ServerSettings
            {
                DataDirectory = settings.DataDirectory,
                Host = settings.Host,
                Port = settings.Port,
                Region = settings.Region,
                DefaultAccount = settings.Account,
                DefaultModel = settings.DefaultModel,
                CertificatePath = settings.TlsCertificate,
                CertificateKeyPath = settings.TlsKey,
                UnconfinedAsLastResort = settings.UnconfinedAsLastResort,
                Sandboxes = new SandboxSettings { Driver = settings.Sandbox },
                Models = Models(settings),
                Telemetry = new TelemetrySettings { Variables = settings.Environment.Where(variable => variable.Key.StartsWith("OTEL_", StringComparison.Ordinal)).ToDictionary() },
                ModelCredentials = ModelCredentials.In(settings.Environment),
            },
            settings.Named);
        return server with { Catalog = server.Catalog with { DefaultModel = DefaultModel(server.DefaultModel, settings) } };
    }

    private static ModelSettings Models(ServeSettings settings) => new()
    {
        Bedrock = new BedrockSettings
        {
            Region = settings.Region,
            Endpoint = Url(settings, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
            MantleEndpoint = Url(settings, "AWS_ENDPOINT_URL_BEDROCK_MANTLE"),
            BearerToken = Variable(settings, "AWS_BEARER_TOKEN_BEDROCK"),
            Profile = Variable(settings, "AWS_PROFILE"),
        },
        OpenAi = new OpenAiSettings
        {
            BaseUrl = Url(settings, "OPENAI_BASE_URL") ?? OpenAiSettings.PublicBaseUrl,
            ApiKey = Variable(settings, "OPENAI_API_KEY"),
            AllowEnvironmentKeys = settings.ProviderKeysFromEnvironment,
        },
        Providers = new ProviderSettings
        {
            Variables = settings.Environment.Where(variable => LiteLlmProviders.Variables.Contains(variable.Key)).ToDictionary(),
            AllowEnvironmentKeys = settings.ProviderKeysFromEnvironment,
        },
    };

    // Bedrock's documented default where there are credentials for it, else the model that needs none.
    private static HarnessModelConfiguration DefaultModel(string? name, ServeSettings settings) => name switch
    {
        null when HasAwsCredentials(settings) => CatalogSettings.BedrockModel,
        null => CatalogSettings.ScriptedModel,
        _ when name.Contains('/', StringComparison.Ordinal) && name != CatalogSettings.ScriptedModel.BedrockModelConfig!.ModelId =>
            new HarnessModelConfiguration { LiteLlmModelConfig = new HarnessLiteLlmModelConfig { ModelId = name } },
        _ => new HarnessModelConfiguration
        {
            BedrockModelConfig = new HarnessBedrockModelConfig { ModelId = name, ApiFormat = HarnessBedrockApiFormat.ConverseStream },
        },
    };

    // Our own access keys begin with BELAY and are never upstream credentials. No metadata service is asked.
    private static bool HasAwsCredentials(ServeSettings settings) =>
        Variable(settings, "AWS_PROFILE") is not null
        || Variable(settings, "AWS_ACCESS_KEY_ID") is { } id && !id.StartsWith("BELAY", StringComparison.Ordinal);

    private static string? Variable(ServeSettings settings, string name) =>
        settings.Environment.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    private static Uri? Url(ServeSettings settings, string name) => Variable(settings, name) switch
    {
        null => null,
        var text when Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" => url,
        _ => throw new InvalidDataException($"{name} must be an absolute http or https URL."),
    };

    // Put together by hand: a container that finds the same parts takes longer than they do.
    private static LoggerFactory Logging(LogFormat format, LogLevels levels)
    {
        ConsoleFormatter lines = format == LogFormat.Json ? new JsonLogLines(TimeProvider.System) : new TextLogLines(TimeProvider.System);
        var console = new ConsoleLoggerOptions { LogToStandardErrorThreshold = LogLevel.Trace, FormatterName = lines.Name };
        var filter = new LoggerFilterOptions { MinLevel = LogLevel.Trace };
        filter.Rules.Add(new LoggerFilterRule(null, null, null, (_, category, level) => levels.Writes(category, level)));
        var logging = new LoggerFactory([], filter);
        logging.AddProvider(new ConsoleLoggerProvider(new Fixed<ConsoleLoggerOptions>(console), [lines]));
        return logging;
    }

    private sealed class Fixed<T>(T value) : IOptionsMonitor<T>
    {
        public T CurrentValue => value;

        public T Get(string? name) => value;

        public IDisposable? OnChange(Action<T, string?> listener) => null;
    }
}
