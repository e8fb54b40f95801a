using Belay.Cli.CommandLine;

namespace Belay.Cli.Projects;

/// <summary>
/// Where the files of one harness are: <c>harness.yaml</c>, beside it <c>system-prompt.md</c>, and around both, in the layout of the
/// reference command line, a project: <c>agentcore/agentcore.json</c> and <c>app/NAME/harness.yaml</c>.
/// </summary>
/// <param name="Root">Folder of the project.</param>
/// <param name="File">The <c>harness.yaml</c>, absolute.</param>
/// <param name="WorkingDirectory">What names of files are shown relative to.</param>
internal sealed record ProjectLocation(string Root, string File, string WorkingDirectory)
{
    private const string FileName = "harness.yaml";
    private const string AppFolder = "app";

    /// <summary>Where the instructions may be.</summary>
    public string PromptFile => Path.Combine(Path.GetDirectoryName(File)!, "system-prompt.md");

    /// <summary>Where the reference command line keeps what its harnesses share.</summary>
    public string SharedFile => Path.Combine(Root, "agentcore", "agentcore.json");

    /// <summary>A file as messages name it.</summary>
    public string Show(string file)
    {
        var relative = Path.GetRelativePath(WorkingDirectory, file);
        return relative.StartsWith("..", StringComparison.Ordinal) ? file : relative;
    }

    /// <summary>
    /// Every project in a place, in the order of their paths: the file itself, or in a folder its <c>harness.yaml</c> and those
    /// below <c>app</c>. Not empty.
    /// </summary>
    public static IReadOnlyList<ProjectLocation> Find(string? path, CliHost host)
    {
        var place = Path.GetFullPath(path ?? ".", host.WorkingDirectory);
        if (System.IO.File.Exists(place))
        {
            return [new(RootOf(place), place, host.WorkingDirectory)];
        }

        if (!Directory.Exists(place))
        {
            throw CliException.Usage($"There is no file or folder {place}.");
        }

        var app = Path.Combine(place, AppFolder);
        var files = new[] { Path.Combine(place, FileName) }
            .Concat(Directory.Exists(app) ? Directory.EnumerateDirectories(app).Select(folder => Path.Combine(folder, FileName)).Order(StringComparer.Ordinal) : [])
            .Where(System.IO.File.Exists)
            .Select(file => new ProjectLocation(RootOf(file), file, host.WorkingDirectory))
            .ToList();
        return files.Count > 0
            ? files
            : throw CliException.Usage($"There is no project in {place}: neither {FileName} nor {AppFolder}/NAME/{FileName}.", "Name a file or folder: belay deploy PATH. An example: samples/hello.");
    }

    /// <summary>The one project in a place.</summary>
    public static ProjectLocation FindOne(string path, CliHost host)
    {
        var found = Find(path, host);
        return found.Count == 1
            ? found[0]
            : throw CliException.Usage($"There are {found.Count} projects in {path}; name one of them: {string.Join(", ", found.Select(one => one.Show(one.File)))}.");
    }

    private static string RootOf(string file)
    {
        var folder = Path.GetDirectoryName(file)!;
        var parent = Path.GetDirectoryName(folder);
        return parent is not null && Path.GetFileName(parent) == AppFolder ? Path.GetDirectoryName(parent)! : folder;
    }
}
