using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Belay.Cli.CommandLine;

namespace Belay.Cli.Doctor;

/// <summary><c>belay doctor</c>: says what works on this machine, what does not, and what to do about it.</summary>
internal static class DoctorVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var connection = new ConnectionOptions();
        var command = new Command("doctor", "Check this machine: sandboxes and what they guarantee, SQLite, the server, model credentials.");
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (server, _) = connection.Servers(parsed, host);
            var report = await Examination.RunAsync(host, connection.DataDirectory(parsed, host), server, cancellationToken);
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
            Ends with 0 when a server can run here with isolated sandboxes, else with 1.

            Examples:
              belay doctor
              belay doctor --json | jq '.sandboxes[] | select(.works)'
            """);
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
