using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Text.Json.Nodes;
using Belay.Cli.Backups;
using Belay.Cli.Bundles;
using Belay.Cli.Completion;
using Belay.Cli.Demo;
using Belay.Cli.Doctor;
using Belay.Cli.Harnesses;
using Belay.Cli.Invocations;
using Belay.Cli.Keys;
using Belay.Cli.Projects;
using Belay.Cli.Replays;
using Belay.Cli.Runtimes;
using Belay.Cli.Serving;
using Belay.Cli.Sessions;
using Belay.Cli.Verification;

namespace Belay.Cli.CommandLine;

/// <summary>The program: parses a command line, runs its verb, and says in words what went wrong.</summary>
internal static class BelayProgram
{
    private const int LongestLine = 4000;

    private const string RootExamples = """
        Also: belay test [--all] builds Belay and runs its tests (from a clone only).

        Exit codes:
          0    done                                3    no server answers
          1    the service or the agent failed     4    no access key, or not accepted
          2    the command line is wrong           5    verify found damage
                                                   130  interrupted
          exec ends with the code of its command.

        Examples:
          belay demo
          belay serve --port 8642 --data .belay
          eval "$(belay env)"
          belay create --name hello && belay invoke --harness hello "What is in your working directory?"
        """;

    // Of each verb its name, and how it is made.
    private static readonly VerbForm[] Verbs =
    [
        new("demo", static (host, _) => DemoVerb.Create(host)),
        new("serve", static (host, _) => ServeVerb.Create(host)),
        new("env", static (host, _) => EnvVerb.Create(host)),
        new("create", static (host, _) => CreateVerb.Create(host)),
        new("deploy", static (host, _) => DeployVerb.Create(host)),
        new("get", static (host, _) => GetVerb.Create(host)),
        new("list", static (host, _) => ListVerb.Create(host)),
        new("update", static (host, _) => UpdateVerb.Create(host)),
        new("delete", static (host, _) => DeleteVerb.Create(host)),
        new("invoke", static (host, _) => InvokeVerb.Create(host)),
        new("exec", static (host, _) => ExecVerb.Create(host)),
        new("wait", static (host, _) => WaitVerb.Create(host)),
        new("steer", static (host, _) => SteerVerb.Create(host)),
        new("cancel", static (host, _) => CancelVerb.Create(host)),
        new("stop", static (host, _) => StopVerb.Create(host)),
        new("fork", static (host, _) => ForkVerb.Create(host)),
        new("backup", static (host, _) => BackupVerb.Create(host)),
        new("restore", static (host, _) => RestoreVerb.Create(host)),
        new("verify", static (host, _) => VerifyVerb.Create(host)),
        new("logs", static (host, _) => LogsVerb.Create(host)),
        new("log-level", static (host, _) => LogLevelVerb.Create(host)),
        new("traces", static (host, _) => TracesVerb.Create(host)),
        new("replay", static (host, _) => ReplayVerb.Create(host)),
        new("export-session", static (host, _) => ExportSessionVerb.Create(host)),
        new("import-session", static (host, _) => ImportSessionVerb.Create(host)),
        new("test-session", static (host, _) => TestSessionVerb.Create(host)),
        new("keys", static (host, _) => KeysVerb.Create(host)),
        new("doctor", static (host, _) => DoctorVerb.Create(host)),
        new(CompletionVerb.Name, static (host, root) => CompletionVerb.Create(host, root)),
    ];

    /// <summary>Runs one command line.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, CliHost host, CancellationToken cancellationToken)
    {
        var root = Root(host, arguments);
        var parsed = root.Parse(arguments.Count == 0 ? ["--help"] : arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0 && parsed.Action is not HelpWithExamples)
        {
            return WriteUsage(parsed, host);
        }

        var json = arguments.Contains("--json");
        try
        {
            return await parsed.InvokeAsync(
                new InvocationConfiguration
                {
                    Output = host.Terminal.Output,
                    Error = host.Terminal.Error,
                    EnableDefaultExceptionHandler = false,

                    // Program.cs listens to signals; two listeners would race.
                    ProcessTerminationTimeout = null,
                },
                cancellationToken);
        }
        catch (CliException failure)
        {
            Write(failure, host, json);
            return (int)failure.ExitCode;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            host.Terminal.Error.WriteLine("Interrupted.");
            return (int)ExitCode.Interrupted;
        }
    }

    // A line that begins with a verb has need of no other, and making all of them takes a tenth of a start. But completion is about all.
    private static Command Root(CliHost host, IReadOnlyList<string> arguments)
    {
        var root = new Command("belay", "Belay, an open, self-hosted agent harness that speaks the wire protocol of Amazon Bedrock AgentCore.");
        var meant = Verbs.Where(verb => arguments.Count > 0 && verb.Name == arguments[0] && verb.Name != CompletionVerb.Name).ToArray();
        var verbs = (meant.Length > 0 ? meant : Verbs).Select(verb => verb.Create(host, root)).ToArray();
        var examples = new Dictionary<Command, string> { [root] = RootExamples };
        foreach (var verb in verbs)
        {
            root.Add(verb.Command);
            foreach (var one in verb.Children.Append(verb))
            {
                examples[one.Command] = one.Examples;
            }
        }

        root.Add(new HelpOption { Action = new HelpWithExamples(examples), Description = "Show help." });
        root.Add(new VersionOption("--version", "-V") { Action = new ShowVersion(), Description = "Show the version." });
        return root;
    }

    private static int WriteUsage(ParseResult parsed, CliHost host)
    {
        var verb = Path(parsed);

        // A word that is no verb is the whole problem; that a verb is missing then says nothing more.
        var all = parsed.Errors.Select(error => error.Message).Distinct();
        var messages = parsed.UnmatchedTokens.Count == 0 ? all : all.Where(message => parsed.UnmatchedTokens.Any(token => message.Contains(token, StringComparison.Ordinal)));
        foreach (var message in messages)
        {
            host.Terminal.Error.WriteLine($"{verb}: {host.Terminal.Bad(message)}");
        }

        host.Terminal.Error.WriteLine($"See: {verb} --help");
        return (int)ExitCode.Usage;
    }

    private static string Path(ParseResult parsed)
    {
        var names = new List<string>();
        for (SymbolResult? at = parsed.CommandResult; at is not null; at = at.Parent)
        {
            if (at is CommandResult command)
            {
                names.Insert(0, command.Command.Name);
            }
        }

        return string.Join(' ', names);
    }

    private static void Write(CliException failure, CliHost host, bool json)
    {
        var error = host.Terminal.Error;
        if (json)
        {
            var body = new JsonObject { ["code"] = failure.Fault ?? failure.ExitCode.ToString(), ["message"] = failure.Message };
            if (failure.Fields.Count > 0)
            {
                body["fieldList"] = new JsonArray([.. failure.Fields.Select(field => new JsonObject { ["name"] = field.Name, ["message"] = field.Message })]);
            }

            if (failure.FileProblems.Count > 0)
            {
                body["fieldList"] = new JsonArray([.. failure.FileProblems.Select(Place)]);
            }

            if (failure.Hint is not null)
            {
                body["hint"] = failure.Hint;
            }

            JsonOutput.WriteLine(error, new JsonObject { ["error"] = body });
            return;
        }

        if (failure.OnOneLine)
        {
            error.WriteLine($"{host.Terminal.Bad(Terminal.OneLine(failure.Message, LongestLine))}{(failure.Hint is null ? "" : $" {failure.Hint}")}");
            return;
        }

        error.WriteLine(host.Terminal.Bad(Terminal.Printable(failure.Message, host.Terminal.ErrorIsTerminal)));
        foreach (var field in failure.Fields)
        {
            error.WriteLine($"  {Terminal.OneLine(field.Name, 200)} {Terminal.OneLine(field.Message, 500)}");
        }

        // Nothing before the place: editors look for it at the beginning of a line.
        foreach (var problem in failure.FileProblems)
        {
            error.WriteLine(Terminal.OneLine(problem.ToString(), 1000));
        }

        if (failure.Hint is not null)
        {
            error.WriteLine(failure.Hint);
        }
    }

    private static JsonObject Place(FileProblem problem) => new()
    {
        ["name"] = problem.Path,
        ["message"] = problem.Text,
        ["file"] = problem.File,
        ["line"] = problem.At.Line,
        ["column"] = problem.At.Column,
    };

    private sealed record VerbForm(string Name, Func<CliHost, Command, Verb> Create);
}
