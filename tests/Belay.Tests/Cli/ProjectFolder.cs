using Belay.Cli.Projects;
using Belay.Testing.Processes;

namespace Belay.Tests.Cli;

/// <summary>Projects in the directory of a run.</summary>
internal static class ProjectFolder
{
    /// <summary>Writes a file below the run's directory.</summary>
    public static CliRun With(this CliRun run, string path, string text)
    {
        var file = Path.Combine(run.Directory, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        return run;
    }

    /// <summary>The project that the tree brings as an example.</summary>
    public static string Sample { get; } = Path.Combine(RepositoryPaths.Root, "samples", "hello");

    /// <summary>Reads a <c>harness.yaml</c> of this text: what it declares, and its problems as lines without the file's name.</summary>
    public static (ProjectFile? Project, IReadOnlyList<string> Problems) Read(string yaml, string? target = null, string? prompt = null, string? shared = null)
    {
        var folder = Directory.CreateTempSubdirectory("belay-project-").FullName;
        try
        {
            var file = Path.Combine(folder, "app", "hello", "harness.yaml");
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, yaml);
            if (prompt is not null)
            {
                File.WriteAllText(Path.Combine(folder, "app", "hello", "system-prompt.md"), prompt);
            }

            if (shared is not null)
            {
                Directory.CreateDirectory(Path.Combine(folder, "agentcore"));
                File.WriteAllText(Path.Combine(folder, "agentcore", "agentcore.json"), shared);
            }

            var problems = new List<FileProblem>();
            var project = ProjectReader.Read(new ProjectLocation(folder, file, folder), target, null, problems);
            return (project, [.. problems.Select(problem => problem.ToString().Replace("app/hello/harness.yaml:", "", StringComparison.Ordinal))]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
