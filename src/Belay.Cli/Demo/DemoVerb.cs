using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;
using Belay.Cli.Invocations;
using Belay.Cli.Keys;
using Belay.Cli.Serving;

namespace Belay.Cli.Demo;

/// <summary>
/// <c>belay demo</c>: the main job on a fresh machine. Every step goes over HTTP with signed requests, as any client's would,
/// and is printed before it is taken.
/// </summary>
internal static class DemoVerb
{
    private const string HarnessName = "demo";

    private const string Task =
        "Write the file notes.txt with the text 'A harness is everything but the model.', count its words with the shell, and summarise what you found.";

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(55);

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var data = new Option<string?>("--data") { Description = "Data directory to keep; a temporary one when left out.", HelpName = "DIR" };
        var port = new Option<int?>("--port", "-p") { Description = "Port to listen on; a free one when left out.", HelpName = "PORT" };
        var sandbox = new Option<string>("--sandbox") { Description = "Where tools run: auto, process, or unconfined.", HelpName = "DRIVER", DefaultValueFactory = _ => "auto" };
        var model = new Option<string?>("--model-id") { Description = "Model; belay/scripted, which needs no key, when left out.", HelpName = "ID" };
        var prompt = new Option<string?>("--prompt") { Description = "Task for the agent instead of the built-in one.", HelpName = "TEXT" };
        var command = new Command("demo", "Start a server, declare an agent, give it a task that needs a shell, and show what happens.") { data, port, sandbox, model, prompt };
        Validation.Port(port, smallest: 0);
        sandbox.AcceptOnlyFromAmong("auto", "process", "unconfined");

        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var deadline = new CancellationTokenSource(Deadline, host.Time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
            var together = host with { Terminal = host.Terminal.Together() };
            var directory = parsed.GetValue(data) is { } kept ? ConnectionOptions.DataDirectory(kept, host) : null;
            var settings = new ServeSettings
            {
                DataDirectory = directory ?? Directory.CreateTempSubdirectory("belay-demo-").FullName,
                Port = parsed.GetValue(port) ?? 0,
                Sandbox = parsed.GetRequiredValue(sandbox),
                UnconfinedAsLastResort = true,
                ProviderKeysFromEnvironment = true,
                Environment = host.Environment,
                Log = false,
            };
            try
            {
                return await RunAsync(together, settings, parsed.GetValue(model), parsed.GetValue(prompt) ?? Task, temporary: directory is null, both.Token);
            }
            catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new CliException(ExitCode.Failed, $"The demo did not end within {Deadline.TotalSeconds:0} s.", "See what this machine lacks: belay doctor");
            }
            finally
            {
                if (directory is null)
                {
                    Directory.Delete(settings.DataDirectory, recursive: true);
                }
            }
        });
        return new Verb(command, """
            Examples:
              belay demo
              belay demo --model-id openai/gpt-5-mini        (with OPENAI_API_KEY set)
              belay demo --data ./demo-data                  (keeps what it did)
            """);
    }

    private static async Task<int> RunAsync(CliHost host, ServeSettings settings, string? modelId, string task, bool temporary, CancellationToken cancellationToken)
    {
        var terminal = host.Terminal;
        var began = host.Time.GetTimestamp();

        // 1. A server, in this process.
        Step(terminal, 1, $"Start a server; data in {settings.DataDirectory}{(temporary ? ", removed at the end" : "")}.");
        await using var server = await ServeVerb.StartAsync(host, settings, cancellationToken);
        Detail(terminal, $"{server.Url.GetLeftPart(UriPartial.Authority)} is ready.");
        Detail(terminal, $"Sandbox: {server.Sandbox}");

        // 2. An agent, declared over the AWS wire.
        var body = new JsonObject
        {
            ["harnessName"] = HarnessName,
            ["clientToken"] = host.Ids.NewUuid(),
            ["executionRoleArn"] = $"arn:aws:iam::{settings.Account}:role/Belay",
            ["model"] = HarnessFields.ModelNamed(modelId ?? "belay/scripted", null),
            ["systemPrompt"] = new JsonArray(new JsonObject { ["text"] = "You are a careful engineer. Use the shell to find out; do not guess." }),
        };
        Step(terminal, 2, $"Declare an agent: CreateHarness {{\"harnessName\":\"{HarnessName}\", \"model\":{body["model"]!.ToJsonString()}}}.");
        using var client = new BelayClient(new Connection(server.Url, server.Url, Key(settings.DataDirectory, host), settings.Region, settings.Account), host.Http(), host.Time);
        var harness = await DeclareAsync(client, host, body, cancellationToken);
        Detail(terminal, $"{harness.Text("arn")} is {harness.Text("status")}, version {harness.Text("harnessVersion")}.");
        Detail(terminal, $"Model: {HarnessView.Model(harness)}");
        OfferModels(host, modelId);

        // 3. A task that cannot be done without the shell.
        var session = host.Ids.NewUuid();
        Step(terminal, 3, $"Invoke it in session {session}:");
        Detail(terminal, $"\"{task}\"");
        terminal.Output.WriteLine();
        var call = new InvokeCall(harness.Text("arn") ?? "", null, session, null, new JsonObject { ["messages"] = InvokeOptions.UserMessage(task) });
        var transcript = await InvokeVerb.RunAsync(
            client,
            host,
            call,
            show: true,
            () => InvocationCost.ReadAsync(client, harness.Text("harnessId") ?? "", session, _ => true, cancellationToken),
            cancellationToken);
        if (!StopReasons.IsNormal(transcript.StopReason ?? ""))
        {
            throw new CliException(ExitCode.Failed, $"The agent stopped before it was done: {transcript.StopReason}.", "See what this machine lacks: belay doctor");
        }

        Next(terminal, server.Sandbox, host.Time.GetElapsedTime(began));
        return (int)ExitCode.Done;
    }

    private static async Task<JsonElement> DeclareAsync(BelayClient client, CliHost host, JsonObject body, CancellationToken cancellationToken)
    {
        // A data directory that is kept has the harness from the demo before.
        await foreach (var existing in client.ListHarnessesAsync(cancellationToken))
        {
            if (existing.Text("harnessName") == HarnessName)
            {
                var update = new JsonObject { ["clientToken"] = host.Ids.NewUuid(), ["model"] = body["model"]!.DeepClone() };
                await client.UpdateHarnessAsync(existing.Text("harnessId") ?? "", update, null, cancellationToken);
                return await ReadyAsync(existing.Text("harnessId") ?? "");
            }
        }

        var created = (await client.CreateHarnessAsync(body, null, cancellationToken)).Member("harness") ?? default;
        return await ReadyAsync(created.Text("harnessId") ?? "");

        async Task<JsonElement> ReadyAsync(string id)
        {
            var settled = await HarnessWait.SettledAsync(client, host, id, cancellationToken) ?? throw new UnreachableException("Nobody else knows this server.");
            return settled.Text("status") == "READY"
                ? settled
                : throw new CliException(ExitCode.Failed, $"The harness is {settled.Text("status")}: {settled.Text("failureReason")}");
        }
    }

    private static SigningKey Key(string directory, CliHost host) =>
        StoredKeys.First(directory, host)?.Key ?? throw new UnreachableException("A server that has started has made a key.");

    private static void OfferModels(CliHost host, string? chosen)
    {
        if (chosen is not null)
        {
            return;
        }

        (string Key, string Model)[] offers =
        [
            ("OPENAI_API_KEY", "openai/gpt-5-mini"),
            ("ANTHROPIC_API_KEY", "anthropic/claude-sonnet-4-6"),
            ("GEMINI_API_KEY", "gemini/gemini-flash-latest"),
            ("AWS_ACCESS_KEY_ID", "global.anthropic.claude-sonnet-4-6"),
            ("AWS_PROFILE", "global.anthropic.claude-sonnet-4-6"),
        ];
        foreach (var (key, model) in offers)
        {
            if (ModelCredentials.In(host.Environment).Contains(key))
            {
                Detail(host.Terminal, $"{key} is set: belay demo --model-id {model} asks that model instead.");
            }
        }
    }

    private static void Next(Terminal terminal, string sandbox, TimeSpan elapsed)
    {
        terminal.Output.WriteLine();
        terminal.Output.WriteLine($"Done in {elapsed.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)} s. The commands ran in: {sandbox}");
        terminal.Output.WriteLine("""

            Where to go next:
              ./belay serve &                                  a server of your own: port 8642, data in ./.belay
              eval "$(./belay env)"                            points every AWS SDK and the AWS CLI of this shell at it
              ./belay create --name hello                      declares an agent
              ./belay invoke --harness hello "List the files in your working directory with the shell."
              ./belay doctor                                   what the sandboxes of this machine guarantee
              ./belay --help                                   everything else; README.md has boto3 and JavaScript
            """);
    }

    private static void Step(Terminal terminal, int number, string text)
    {
        terminal.Output.WriteLine();
        terminal.Output.WriteLine(terminal.Strong($"{number}. {text}"));
    }

    private static void Detail(Terminal terminal, string text) => terminal.Output.WriteLine($"   {text}");
}
