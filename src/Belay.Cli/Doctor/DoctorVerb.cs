using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;
using Belay.Contracts;
using Belay.Contracts.Doctor;

namespace Belay.Cli.Doctor;

/// <summary><c>belay doctor</c>: what the running server found out about itself; where none answers, what works on this machine and what does not.</summary>
internal static class DoctorVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var connection = new ConnectionOptions();
        var command = new Command("doctor", "Ask the running server how it is; without one, check this machine: sandboxes and what they guarantee, SQLite, model credentials. Looks for model servers on this machine, too.");
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (server, _) = connection.Servers(parsed, host);
            var answers = await Examination.AnswersAsync(host, server, cancellationToken);
            string? silence = null;
            if (answers)
            {
                try
                {
                    using var client = connection.Connect(parsed, host);
                    var found = await client.ExamineAsync(cancellationToken);

                    // What listens on this machine's loopback is of use to a server of this machine only.
                    var near = server.IsLoopback ? await Examination.ModelServersAsync(host, cancellationToken) : [];
                    return Show(host.Terminal, server, found, near, connection.Json(parsed));
                }
                catch (CliException refusal)
                {
                    // A server without this operation, or one that does not know our key: this machine can still be looked at.
                    silence = refusal.Message;
                }
            }

            var report = await Examination.RunAsync(host, connection.DataDirectory(parsed, host), server, answers, cancellationToken);
            if (silence is not null)
            {
                host.Terminal.Error.WriteLine($"The server's own findings are missing. {Terminal.OneLine(silence, 300)}");
            }

            if (connection.Json(parsed))
            {
                JsonOutput.Write(host.Terminal.Output, ToJson(report));
            }
            else
            {
                Write(host.Terminal, report);
            }

            return (int)(report.Problems.Count == 0 ? ExitCode.Done : ExitCode.Failed);
        });
        return new Verb(command, """
            Model servers are looked for on the usual ports of Ollama, LM Studio, vLLM and llama.cpp, on 127.0.0.1 only, and not for the server of another machine.
            Ends with 0 when the server has found nothing that does not work, or when one can run here with isolated sandboxes; else with 1.

            Examples:
              belay doctor
              belay doctor --json | jq '.findings[] | select(.status != "ok")'
            """);
    }

    private static int Show(Terminal terminal, Uri server, ExamineResponse found, IReadOnlyList<LocalModelServer> near, bool json)
    {
        var url = server.GetLeftPart(UriPartial.Authority);
        if (json)
        {
            var answer = JsonSerializer.SerializeToNode(found, BelayJson.Default.ExamineResponse)!.AsObject();
            answer["server"] = new JsonObject { ["url"] = url, ["answers"] = true };
            answer["modelServers"] = new JsonArray([.. near.Select(one => one.ToJson())]);
            JsonOutput.Write(terminal.Output, answer);
        }
        else
        {
            var output = terminal.Output;
            output.WriteLine($"belay            {Terminal.OneLine(found.Version, 64)}");
            output.WriteLine($"server           {url}: answers, since {found.StartedAt.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}");
            output.WriteLine($"account          {Terminal.OneLine(found.Account, 64)}, {Amounts.Count(found.OpenSessions, "open session")}");
            output.WriteLine($"sandbox          {Terminal.OneLine(found.Sandbox, 500)}");
            LocalModelServers.Write(output, near);
            output.WriteLine();
            WriteFindings(output, found.Findings);
        }

        return (int)(found.Findings.Any(finding => finding.Status == FindingStatus.Failed) ? ExitCode.Failed : ExitCode.Done);
    }

    private static void WriteFindings(TextWriter output, IReadOnlyList<Finding> findings)
    {
        var width = findings.Select(finding => finding.Name.Length).DefaultIfEmpty().Max();
        foreach (var finding in findings)
        {
            var word = finding.Status switch { FindingStatus.Ok => "ok", FindingStatus.Warning => "warning", _ => "FAILED" };
            output.WriteLine($"{word,-8} {Terminal.OneLine(finding.Name, 64).PadRight(width)}  {Terminal.OneLine(finding.Message, 500)}");
        }
    }

    private static void Write(Terminal terminal, Report report)
    {
        var output = terminal.Output;
        output.WriteLine($"belay            {report.Version}");
        output.WriteLine($"runtime          {report.Runtime}");
        output.WriteLine($"system           {report.System}");
        output.WriteLine($"data directory   {report.DataDirectory}: {report.DataState}");
        output.WriteLine($"server           {report.Server}: {(report.ServerAnswers ? "answers" : "does not answer")}");
        output.WriteLine($"SQLite           {report.Sqlite ?? "not found"}");
        output.WriteLine($"open files       {report.OpenFiles?.ToString(CultureInfo.InvariantCulture) ?? "unknown"}, enough for {report.Connections} connections");
        output.WriteLine($"model keys       {(report.Credentials.Count == 0 ? "none in this environment; belay/scripted needs none" : string.Join(", ", report.Credentials))}");
        LocalModelServers.Write(output, report.ModelServers);
        output.WriteLine();
        WriteFindings(output, report.Findings);
        foreach (var sandbox in report.Sandboxes)
        {
            output.WriteLine();
            output.WriteLine($"sandbox {sandbox.Name}: {(sandbox.Probe.Works ? sandbox.Probe.Label : "does not work here")}");
            if (sandbox.Probe.Reason.Length > 0)
            {
                output.WriteLine($"  {Terminal.OneLine(sandbox.Probe.Reason, 500)}");
            }

            foreach (var guarantee in sandbox.Probe.Guarantees)
            {
                output.WriteLine($"  {(guarantee.Holds ? "yes" : "NO "),-4} {guarantee.Name,-18} {Terminal.OneLine(guarantee.Detail, 300)}");
            }
        }

        output.WriteLine();
        if (report.Problems.Count == 0)
        {
            output.WriteLine("Nothing is missing.");
        }

        foreach (var problem in report.Problems)
        {
            output.WriteLine($"Missing: {problem.What}");
            output.WriteLine($"  {problem.Remedy}");
        }
    }

    private static JsonObject ToJson(Report report) => new()
    {
        ["version"] = report.Version,
        ["runtime"] = report.Runtime,
        ["system"] = report.System,
        ["dataDirectory"] = new JsonObject { ["path"] = report.DataDirectory, ["state"] = report.DataState },
        ["server"] = new JsonObject { ["url"] = report.Server, ["answers"] = report.ServerAnswers },
        ["sqlite"] = report.Sqlite,
        ["openFiles"] = report.OpenFiles,
        ["connections"] = report.Connections,
        ["modelCredentials"] = new JsonArray([.. report.Credentials.Select(name => (JsonNode)name)]),
        ["modelServers"] = new JsonArray([.. report.ModelServers.Select(one => one.ToJson())]),
        ["findings"] = new JsonArray([.. report.Findings.Select(finding => JsonSerializer.SerializeToNode(finding, BelayJson.Default.Finding))]),
        ["sandboxes"] = new JsonArray([.. report.Sandboxes.Select(sandbox => new JsonObject
        {
            ["name"] = sandbox.Name,
            ["works"] = sandbox.Probe.Works,
            ["label"] = sandbox.Probe.Label,
            ["reason"] = sandbox.Probe.Reason,
            ["guarantees"] = new JsonArray([.. sandbox.Probe.Guarantees.Select(guarantee => new JsonObject
            {
                ["name"] = guarantee.Name,
                ["holds"] = guarantee.Holds,
                ["detail"] = guarantee.Detail,
            })]),
        })]),
        ["problems"] = new JsonArray([.. report.Problems.Select(problem => new JsonObject { ["what"] = problem.What, ["remedy"] = problem.Remedy })]),
    };
}
