using System.CommandLine;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Sandboxes;
using Belay.Server;
using Belay.Storage;

namespace Belay.Cli.Serving;

/// <summary><c>belay serve</c>: runs a server until it is told to stop.</summary>
internal static class ServeVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var options = new ServeOptions();
        var json = new Option<bool>("--json") { Description = "Print one line of JSON when ready." };
        var command = new Command("serve", "Run a server until it is interrupted. It is ready when GET /healthz answers 200.");
        options.AddTo(command);
        command.Add(json);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var settings = options.Read(parsed, host);
            await using var server = await StartAsync(host, settings, cancellationToken);
            Announce(host, settings, server, parsed.GetValue(json));
            ServiceManager.Tell(host.Variable("NOTIFY_SOCKET"), ServiceManager.Ready);
            await WaitAsync(server, cancellationToken);
            ServiceManager.Tell(host.Variable("NOTIFY_SOCKET"), ServiceManager.Stopping);
            return (int)ExitCode.Done;
        });
        return new Verb(command, $"""
            Examples:
              belay serve
              belay serve --port 9000 --data /var/lib/belay --default-model global.anthropic.claude-sonnet-4-6
              belay serve --host 0.0.0.0 --tls-cert /etc/belay/fullchain.pem --tls-key /etc/belay/key.pem
              belay serve --log-format json --log-level debug
              belay serve --set Tools:Concurrency=1 --set Models:StallSeconds=60

            Settings for --set:
            {string.Join('\n', NamedSettings.All.Select(setting => $"  {setting.Name,-28} {setting.Help}"))}
            """);
    }

    /// <summary>Starts a server; what keeps it from starting is said in words.</summary>
    public static async Task<RunningServer> StartAsync(CliHost host, ServeSettings settings, CancellationToken cancellationToken)
    {
        try
        {
            return await host.StartServer(settings, cancellationToken);
        }
        catch (IOException cause) when (cause.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            throw Failed($"port {settings.Port} on {settings.Host} is taken.", $"See who has it: ss -ltnp 'sport = :{settings.Port}'. Or choose another with --port.", cause);
        }
        catch (SocketException cause)
        {
            throw Failed($"it cannot listen on {settings.Host}, port {settings.Port}: {cause.Message}.", "Choose another address with --host, or a port with --port.", cause);
        }
        catch (IOException cause)
        {
            throw Failed(cause.Message, "Check the disk and the directory, or choose another with --data.", cause);
        }
        catch (UnauthorizedAccessException cause)
        {
            throw Failed($"no permission to use {settings.DataDirectory}.", "Choose another directory with --data.", cause);
        }
        catch (Exception cause) when (cause is InvalidDataException or StorageException or ArgumentException)
        {
            // Wrong settings, or a data directory that is damaged or another server's: the message is written for people.
            // What ArgumentException adds to it, a parameter's name, is not.
            throw Failed(cause.Message.Split(" (Parameter '")[0], hint: null, cause);
        }
        catch (SandboxException cause)
        {
            throw Failed(
                $"no sandbox works as asked. {cause.Message}",
                "See what each driver needs: belay doctor. Running tools without isolation must be asked for: --sandbox unconfined",
                cause);
        }
    }

    private static CliException Failed(string why, string? hint, Exception cause) =>
        new(ExitCode.Failed, $"Could not start the server: {why}", hint, cause) { OnOneLine = true };

    private static void Announce(CliHost host, ServeSettings settings, RunningServer server, bool json)
    {
        var output = host.Terminal.Output;
        var url = server.LocalUrl;
        if (json)
        {
            JsonOutput.WriteLine(output, new JsonObject
            {
                ["url"] = url,
                ["dataDirectory"] = settings.DataDirectory,
                ["sandbox"] = server.Sandbox,
                ["version"] = ShowVersion.Version,
            });
            return;
        }

        output.WriteLine($"Belay {ShowVersion.Version} is ready at {url}{(server.IsEverywhere ? " and every other address of this machine" : "")}");
        output.WriteLine($"data      {settings.DataDirectory}");
        output.WriteLine($"sandbox   {server.Sandbox}");

        // The launcher says how it was called: in a fresh clone there is no belay in the PATH.
        var program = ShellQuote.Quote(host.Variable("BELAY_PROGRAM") ?? "belay");
        output.WriteLine($"connect   eval \"$({program} env --data {ShellQuote.Quote(settings.DataDirectory)} {Reach(server)})\"");
    }

    // The clients of this machine reach a server on every address by loopback; with TLS, the certificate's name is the operator's to say.
    private static string Reach(RunningServer server) =>
        server.Url.Scheme == Uri.UriSchemeHttps ? $"--url https://{(server.IsEverywhere ? "NAME" : server.Url.Host)}:{server.Url.Port}" : $"--port {server.Url.Port}";

    private static async Task WaitAsync(RunningServer server, CancellationToken cancellationToken)
    {
        try
        {
            await server.Stopped.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Being told to stop is how a server ends; disposing it drains what runs.
        }
    }
}
