using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Product;
using Belay.Bench.Loop.Provider;
using Belay.Testing.Processes;

namespace Belay.Bench.Loop.Profile;

/// <summary>
/// Finds out what the program that the launcher has built still compiles while it starts and does its first work, and names that in the profile
/// that the next build takes. What an older profile has named is compiled ahead and would be missed, so that has to be removed first.
/// </summary>
internal static class StartProfile
{
    /// <summary>As the command line names it.</summary>
    public const string Option = "--write-profile";

    /// <summary>Name of the assembly that carries what is in the profile.</summary>
    private const string Home = "Belay.Cli";

    private static readonly TimeSpan UntilWritten = TimeSpan.FromSeconds(2);
    private static readonly Script[] Turns = [new(0, 16, "none"), new(2, 16, "none")];

    /// <summary>Where the profile is.</summary>
    private static string FilePath => Path.Combine(RepositoryPaths.Root, "src", Home, "Serving", "start.mibc");

    /// <summary>Runs the program and writes the profile. Answers what was done.</summary>
    public static async Task<string> WriteAsync(Field field, CancellationToken cancellationToken)
    {
        if (File.Exists(FilePath))
        {
            return $"The program was built with {FilePath}, and compiles nothing that is in there. Remove that file, and try again.";
        }

        var program = field.Program;
        await program.Process.KillAsync(cancellationToken);
        var summary = Path.Combine(Path.GetTempPath(), $"belay-start-{Environment.ProcessId}.summary");
        var environment = new Dictionary<string, string>
        {
            ["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location,
            ["DOTNET_JitStdOutFile"] = summary,
            ["DOTNET_JitDisasmSummary"] = "1",
        };

        // Twice: the second time finds the sessions of the first.
        var session = field.NewSession();
        var methods = new List<CompiledMethod?>();
        for (var start = 0; start < 2; start++)
        {
            await program.StartAgainAsync(cancellationToken, environment);
            await WorkAsync(field, program, session, cancellationToken);
            await Task.Delay(UntilWritten, cancellationToken);
            var id = program.Process.Id;
            await program.Process.KillAsync(cancellationToken);
            methods.AddRange((await File.ReadAllLinesAsync(StartupHook.PathOf(id), cancellationToken)).Select(CompiledMethod.OfEvent));
            methods.AddRange((await File.ReadAllLinesAsync(summary, cancellationToken)).Select(CompiledMethod.OfSummary));
            File.Delete(StartupHook.PathOf(id));
            File.Delete(summary);
        }

        var (file, types) = (new ProfileFile(), new TypeNames(Path.GetDirectoryName(RepositoryPaths.Cli)!));
        var unknown = methods.OfType<CompiledMethod>().Distinct().OrderBy(method => method.ToString(), StringComparer.Ordinal).Count(method => !TryAdd(file, types, method));
        await File.WriteAllBytesAsync(FilePath, file.ToArray(Home), cancellationToken);
        return $"{file.Count} methods in {FilePath}, {unknown} with types that only that process had.";
    }

    private static async Task WorkAsync(Field field, BelayProgram program, string session, CancellationToken cancellationToken)
    {
        var subject = field.Drive(program);
        foreach (var turn in Turns)
        {
            await Rows.Sandboxes.TrueAsync(program, session, cancellationToken);
            await subject.TurnAsync(session, turn, Input.One, cancellationToken);
        }

        await Rows.Sandboxes.StopAsync(program, session, cancellationToken);
    }

    private static bool TryAdd(ProfileFile file, TypeNames types, CompiledMethod method)
    {
        var arguments = TypeNames.Split(method.Arguments).Select(types.Parse).ToList();
        if (types.Parse(method.Owner) is not { } owner || arguments.Contains(null))
        {
            return false;
        }

        file.Add(owner, method.Name, arguments!, method.Parameters);
        return true;
    }
}
