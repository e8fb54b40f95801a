namespace Belay.Testing.Processes;

/// <summary>Where the repository and what was built from it lie.</summary>
public static class RepositoryPaths
{
    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The build configuration of the running program, as its output folder is named.</summary>
    public static string Configuration { get; } = new DirectoryInfo(AppContext.BaseDirectory).Name;

    /// <summary>The <c>belay</c> program: in the release configuration the one that the launcher has built and starts, where there is one; else
    /// the one that was built in the same configuration.</summary>
    public static string Cli { get; } = FindCli();

    /// <summary>A folder below <c>artifacts/</c>, which is made when it is not there.</summary>
    public static string Artifacts(params string[] names) =>
        Directory.CreateDirectory(Path.Combine([Root, "artifacts", .. names])).FullName;

    private static string FindCli()
    {
        var launched = Path.Combine(Root, "artifacts", "belay", "Belay.Cli.dll");
        return Configuration == "release" && File.Exists(launched) ? launched : Path.Combine(Root, "artifacts", "bin", "Belay.Cli", Configuration, "Belay.Cli.dll");
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Belay.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"No Belay.slnx above {AppContext.BaseDirectory}.");
    }
}
