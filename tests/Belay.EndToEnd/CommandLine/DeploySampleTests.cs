using System.Text.Json.Nodes;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.CommandLine;

/// <summary>The sample project, deployed to a real server by the real program, changed, and deployed again.</summary>
public sealed class DeploySampleTests(SharedServer server)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Sample_DeploysOnceChangesOnceAndIsThenLeftAlone()
    {
        var folder = Directory.CreateTempSubdirectory("belay-deploy-").FullName;
        try
        {
            // 1. As it is in the tree: made, serving, and found unchanged.
            var (file, prompt) = Copy(folder);
            var made = await DeployAsync(folder);
            Assert.Equal(("create", "1", "READY"), State(made));
            Assert.Equal(("none", "1", null), State(await DeployAsync(folder)));
            var said = await RunAsync("invoke", "--harness", "hello", "Run `echo deployed`");
            Assert.Contains("deployed", said.Output);

            // 2. Changed: refused where nobody can be asked, shown by a dry run, made with --yes.
            await File.WriteAllTextAsync(file, (await File.ReadAllTextAsync(file)).Replace("maxIterations: 20", "maxIterations: 21").Replace("timeoutSeconds: 600\n", "").Replace("sample: hello", "sample: changed") + "belay: {detach: true, toolConcurrency: 4, overridable: [model, tools]}\n");
            await File.AppendAllTextAsync(prompt, "- Be kind.\n");
            var start = (await server.StartedAsync()).Verb("deploy", folder);
            var refused = await ProgramRun.TryAsync(start, Limit, TestContext.Current.CancellationToken);
            Assert.Equal(2, refused!.ExitCode);
            var plan = await DeployAsync(folder, "--dry-run");
            Assert.Equal("update", (string?)plan["action"]);
            Assert.Equal(
                ["systemPrompt[0].text", "maxIterations", "timeoutSeconds", "belay.detach", "belay.overridable", "belay.toolConcurrency", "tags.sample"],
                plan["changes"]!.AsArray().Select(change => (string?)change!["path"]));
            // The settings travel with the request that changes the members: one version.
            Assert.Equal(("update", "2", "READY"), State(await DeployAsync(folder, "--yes")));
            Assert.Equal(("none", "2", null), State(await DeployAsync(folder)));

            // 3. The service has it: what the file left out is as for a new harness.
            var harness = JsonNode.Parse((await RunAsync("get", "hello", "--json")).Output)!["harness"]!;
            Assert.Equal("21 3600", $"{harness["maxIterations"]} {harness["timeoutSeconds"]}");

            var settings = await (await server.StartedAsync()).Client.CallAsync(HttpMethod.Get, $"/belay/v1/harnesses/{(string)harness["harnessId"]!}/settings", null, TestContext.Current.CancellationToken);
            Assert.True(JsonNode.DeepEquals(JsonNode.Parse("""{"detach":true,"toolConcurrency":4,"overridable":["model","tools"]}"""), settings["document"]), settings.ToJsonString());

            // 4. A mistake that only the service sees is named at its line, and changes nothing.
            await File.AppendAllTextAsync(file, "environment:\n  agentCoreRuntimeEnvironment:\n    filesystemConfigurations:\n    - sessionStorage: {mountPath: /mnt/a}\n    - sessionStorage: {mountPath: /mnt/a}\n");
            var wrong = await ProgramRun.TryAsync((await server.StartedAsync()).Verb("deploy", folder, "--yes"), Limit, TestContext.Current.CancellationToken);
            Assert.Equal(1, wrong!.ExitCode);
            Assert.Matches(@"(?m)^.*harness\.yaml:\d+:\d+: environment\.agentCoreRuntimeEnvironment\.filesystemConfigurations\[1\]", wrong.Error);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static (string File, string Prompt) Copy(string folder)
    {
        var from = Path.Combine(RepositoryPaths.Root, "samples", "hello", "app", "hello");
        var to = Directory.CreateDirectory(Path.Combine(folder, "app", "hello")).FullName;
        foreach (var path in Directory.EnumerateFiles(from))
        {
            File.Copy(path, Path.Combine(to, Path.GetFileName(path)));
        }

        return (Path.Combine(to, "harness.yaml"), Path.Combine(to, "system-prompt.md"));
    }

    private static (string?, string?, string?) State(JsonNode result) => ((string?)result["action"], (string?)result["harnessVersion"], (string?)result["status"]);

    private async Task<JsonNode> DeployAsync(string folder, params string[] options) =>
        JsonNode.Parse((await RunAsync("deploy", [folder, "--json", .. options])).Output)!;

    private async Task<ProgramRun> RunAsync(string verb, params string[] arguments) =>
        await ProgramRun.SucceedAsync((await server.StartedAsync()).Verb(verb, arguments), Limit, TestContext.Current.CancellationToken);
}
