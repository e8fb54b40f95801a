using System.Diagnostics;
using System.Text.Json;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.CommandLine;

/// <summary>The launcher in the root of the repository, on what is built already.</summary>
public sealed class LauncherTests(SharedServer server)
{
    private static readonly TimeSpan BuildLimit = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Help_NamesTheVerbs()
    {
        var run = await LaunchAsync("--help");

        Assert.All((string[])["demo", "serve", "env", "create", "invoke", "exec", "stop", "keys", "doctor"], verb => Assert.Contains(verb, run.Output));
    }

    [Fact]
    public async Task Env_PrintsWhatTheServersClientsNeed()
    {
        var process = await server.StartedAsync();
        var run = await LaunchAsync("env", "--data", process.DataDirectory, "--port", $"{process.Port}");

        var expected = process.ClientEnvironment.Select(variable => $"export {variable.Key}='{variable.Value}'");
        Assert.Equal(expected, run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(
            ["AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL", "AWS_REGION", "AWS_SECRET_ACCESS_KEY"],
            process.ClientEnvironment.Keys.Order(StringComparer.Ordinal));
        Assert.StartsWith("BELAY", process.ClientEnvironment["AWS_ACCESS_KEY_ID"]);
    }

    [Fact]
    public async Task Doctor_AnswersJson()
    {
        var process = await server.StartedAsync();
        var run = await LaunchAsync("doctor", "--json", "--data", process.DataDirectory, "--port", $"{process.Port}");

        using var report = JsonDocument.Parse(run.Output);
        Assert.Contains("sandbox", run.Output, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(process.ClientEnvironment["AWS_SECRET_ACCESS_KEY"], run.Output);
    }

    /// <summary>What a newcomer does first. It builds everything again, so it runs only when it is asked for by name.</summary>
    [Fact(Explicit = true)]
    public async Task CleanClone_DemoAnswers()
    {
        var folder = Directory.CreateTempSubdirectory("belay-clone-").FullName;
        try
        {
            var cancellationToken = TestContext.Current.CancellationToken;
            await ProgramRun.SucceedAsync(new("git", ["clone", "--quiet", RepositoryPaths.Root, folder]), BuildLimit, cancellationToken);
            var demo = new ProcessStartInfo(Path.Combine(folder, "belay"), ["demo"]) { WorkingDirectory = folder };
            var run = await ProgramRun.SucceedAsync(demo, BuildLimit, cancellationToken);
            Assert.NotEmpty(run.Output);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task<ProgramRun> LaunchAsync(params string[] arguments)
    {
        var start = (await server.StartedAsync()).ClientProgram(Path.Combine(RepositoryPaths.Root, "belay"), arguments);
        return await ProgramRun.SucceedAsync(start, BuildLimit, TestContext.Current.CancellationToken);
    }
}
