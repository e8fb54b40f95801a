using System.Diagnostics;
using Belay.Testing;
using Belay.Testing.Clients;
using Belay.Testing.Processes;

namespace Belay.Tests.Documents;

/// <summary>The samples for operators, as far as they can be checked without what they are for.</summary>
public sealed class SampleTests
{
    private static string Samples => Path.Combine(RepositoryPaths.Root, "samples");

    [Fact]
    public async Task SystemdUnit_Verifies()
    {
        // The program of the sample need not be installed where this test runs.
        using var directory = new TemporaryDirectory();
        var unit = Path.Combine(directory.Path, "belay.service");
        var text = await File.ReadAllTextAsync(Path.Combine(Samples, "systemd", "belay.service"), TestContext.Current.CancellationToken);
        Assert.Contains("ExecStart=/usr/bin/dotnet /opt/belay/Belay.Cli.dll serve ", text, StringComparison.Ordinal);
        await File.WriteAllTextAsync(unit, text.Replace("/usr/bin/dotnet", "/bin/true", StringComparison.Ordinal), TestContext.Current.CancellationToken);

        var run = await ProgramRun.TryAsync(new ProcessStartInfo("systemd-analyze", ["verify", "--man=no", unit]), Eventually.Deadline, TestContext.Current.CancellationToken);

        Assert.SkipWhen(run is null, "systemd is not installed.");
        Assert.True(run!.ExitCode == 0 && run.Error.Length == 0, run.Error);
    }

    [Fact]
    public void Containerfile_HasKnownInstructions_AndCopiesWhatIsThere()
    {
        string[] known = ["FROM", "WORKDIR", "ENV", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"];
        var instructions = Instructions(File.ReadAllLines(Path.Combine(Samples, "container", "Containerfile"))).Select(line => line.Split(' ', 2, StringSplitOptions.TrimEntries)).ToList();

        Assert.Equal("FROM", instructions[0][0]);
        Assert.Empty(instructions.Select(instruction => instruction[0]).Except(known));
        Assert.Equal("10001", instructions.FindLast(instruction => instruction[0] == "USER")![1]);
        foreach (var copy in instructions.Where(instruction => instruction[0] == "COPY" && !instruction[1].StartsWith("--from=", StringComparison.Ordinal)))
        {
            Assert.All(copy[1].Split(' ')[..^1], source => Assert.True(Path.Exists(Path.Combine(RepositoryPaths.Root, source)), source));
        }
    }

    private static IEnumerable<string> Instructions(IEnumerable<string> lines)
    {
        var open = "";
        foreach (var line in lines.Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#'))
        {
            open += line.TrimEnd('\\');
            if (!line.EndsWith('\\'))
            {
                yield return open;
                open = "";
            }
        }
    }
}
