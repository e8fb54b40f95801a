using System.Diagnostics;
using Belay.Testing;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.CommandLine;

/// <summary>
/// Which form of the program the launcher builds, and when: the real launcher in a tree of its own, whose <c>dotnet</c> only notes what it is
/// asked to build and leaves a program that says its form.
/// </summary>
public sealed class LauncherBuildTests : IDisposable
{
    private const string Plain = "build src/Belay.Cli/Belay.Cli.csproj";
    private const string Full = "publish src/Belay.Cli";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly TemporaryDirectory _tree = new();

    public LauncherBuildTests()
    {
        File.Copy(Path.Combine(RepositoryPaths.Root, "belay"), In("belay"));
        Directory.CreateDirectory(In("src"));
        File.WriteAllText(In("src", "Program.cs"), "");
        Directory.CreateDirectory(In("sdk"));
        File.WriteAllText(
            In("sdk", "dotnet"),
            """
            #!/usr/bin/env bash
            case "$1 ${2:-}" in
                "--version ") echo 10.0.100 ;;
                "build src/Belay.Cli/Belay.Cli.csproj") form=plain out=artifacts/plain/bin/Belay.Cli/release ;;
                "publish src/Belay.Cli") form=full out=artifacts/belay.new ;;
                build* | publish*) exit 1 ;;
                *) exec cat "$1" ;;
            esac
            [[ -n ${form:-} ]] || exit 0
            echo "$1 $2" >>builds
            [[ ! -e broken ]] || { echo "src/Program.cs(1,1): error CS0000: broken"; exit 1; }
            mkdir -p "$out"
            echo "$form" >"$out/Belay.Cli.dll"
            """);
        File.SetUnixFileMode(In("sdk", "dotnet"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public void Dispose() => _tree.Dispose();

    [Fact]
    public async Task Demo_IsContentWithThePlainForm_OtherVerbsBuildTheFullOneOnce()
    {
        Assert.Equal((0, "plain", "Building Belay: the first time takes half a minute."), await LaunchAsync("demo"));
        Assert.Equal((0, "plain", ""), await LaunchAsync("demo"));
        Assert.Equal((0, "full", "Building Belay in full: the demo needed less. This takes a minute, once."), await LaunchAsync("doctor"));
        Assert.Equal((0, "full", ""), await LaunchAsync("doctor"));
        Assert.Equal((0, "full", ""), await LaunchAsync("demo"));
        Assert.Equal([Plain, Full], Builds());
    }

    [Fact]
    public async Task OtherVerbFirst_BuildsTheFullForm()
    {
        Assert.Equal((0, "full", "Building Belay: the first time takes a minute."), await LaunchAsync("serve"));
        Assert.Equal((0, "full", ""), await LaunchAsync("demo"));
        Assert.Equal([Full], Builds());
    }

    [Theory]
    [InlineData("demo", "demo", "plain")]
    [InlineData("demo", "doctor", "full")]
    [InlineData("doctor", "demo", "plain")]
    [InlineData("doctor", "doctor", "full")]
    public async Task ChangedSources_AreBuiltInTheFormThatIsNeeded(string before, string after, string form)
    {
        await LaunchAsync(before);
        await File.WriteAllTextAsync(In("src", "Program.cs"), "// changed", CancellationToken);

        Assert.Equal((0, form, "Building Belay: its sources have changed."), await LaunchAsync(after));
        Assert.Equal((0, form, ""), await LaunchAsync(after));
    }

    [Fact]
    public async Task BuildThatFails_CountsForNothing()
    {
        await LaunchAsync("demo");
        await File.WriteAllTextAsync(In("broken"), "", CancellationToken);

        var (code, _, said) = await LaunchAsync("doctor");
        Assert.Equal(1, code);
        Assert.Contains("error CS0000: broken", said, StringComparison.Ordinal);
        Assert.Contains("src/Belay.Cli/Belay.Cli.csproj does not build", said, StringComparison.Ordinal);

        File.Delete(In("broken"));
        Assert.Equal((0, "full"), Short(await LaunchAsync("doctor")));
    }

    [Fact]
    public async Task FullFormThatCannotBeBuilt_LeavesThePlainOneInItsPlace()
    {
        var sdk = In("sdk", "dotnet");
        await File.WriteAllTextAsync(sdk, (await File.ReadAllTextAsync(sdk, CancellationToken)).Replace("\"publish src/Belay.Cli\")", "nothing)", StringComparison.Ordinal), CancellationToken);

        Assert.Equal((0, "plain"), Short(await LaunchAsync("doctor")));
        Assert.Equal((0, "plain", ""), await LaunchAsync("doctor"));
        Assert.Equal([Plain], Builds());
    }

    [Fact]
    public async Task AtOnce_OneBuilds_AndTheOthersWait()
    {
        var demos = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => LaunchAsync("demo")));
        Assert.All(demos, demo => Assert.Equal((0, "plain"), Short(demo)));
        Assert.Equal([Plain], Builds());

        var doctors = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => LaunchAsync("doctor")));
        Assert.All(doctors, doctor => Assert.Equal((0, "full"), Short(doctor)));
        Assert.Equal([Plain, Full], Builds());
    }

    private static (int Code, string Form) Short((int Code, string Form, string Said) run) => (run.Code, run.Form);

    private string In(params string[] names) => Path.Combine([_tree.Path, .. names]);

    private string[] Builds() => File.ReadAllLines(In("builds"));

    private async Task<(int Code, string Form, string Said)> LaunchAsync(string verb)
    {
        // Unconfined, so that the launcher does not look for what sandboxes need.
        var start = new ProcessStartInfo(In("belay"), [verb, "--sandbox", "unconfined"]) { WorkingDirectory = _tree.Path };
        start.Environment["DOTNET_ROOT"] = In("sdk");
        var run = (await ProgramRun.TryAsync(start, Limit, CancellationToken))!;
        return (run.ExitCode, run.Output.Trim(), run.Error.Trim());
    }
}
