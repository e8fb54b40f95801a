using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Belay.Cli.Client;
using Belay.Cli.CommandLine;
using Belay.Cli.Harnesses;
using Belay.Harnesses;

namespace Belay.Cli.Projects;

/// <summary><c>belay deploy</c>: makes harnesses what the files of a project say.</summary>
internal static class DeployVerb
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var path = new Argument<string?>("path") { Description = "A harness.yaml, or a folder with harness.yaml or app/*/harness.yaml (default: here).", Arity = ArgumentArity.ZeroOrOne };
        var target = new Option<string?>("--target") { Description = "Which of several deployments of the same project; part of the name unless it is default.", HelpName = "NAME" };
        var name = new Option<string?>("--name", "--harness-name") { Description = "Name to deploy under, instead of the file's.", HelpName = "NAME" };
        var tags = new Option<string?>("--tags") { Description = "Tags beside the file's: JSON, or KEY=VALUE,KEY=VALUE.", HelpName = "MAP" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show what would change, and change nothing." };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask. Needed to change a harness where nobody can be asked." };
        var connection = new ConnectionOptions();
        var command = new Command("deploy", "Make harnesses what harness.yaml says: create them, or show the difference and update them.") { path, target, name, tags, dryRun, yes };
        connection.AddTo(command);

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var projects = Read(parsed.GetValue(path), parsed.GetValue(target), parsed.GetValue(name), parsed.GetValue(tags), host);
            using var client = connection.Connect(parsed, host);
            var deployment = new Deployment(client, host);
            var json = connection.Json(parsed);
            var plans = new List<DeploymentPlan>();
            foreach (var project in projects)
            {
                plans.Add(await deployment.PlanAsync(project, cancellationToken));
            }

            Show(plans, host, json && parsed.GetValue(dryRun), !json);
            if (parsed.GetValue(dryRun))
            {
                return (int)ExitCode.Done;
            }

            Confirm(plans, parsed.GetValue(yes), json, host);
            foreach (var plan in plans)
            {
                Show(plan, plan.Action == DeploymentAction.None ? null : await deployment.ApplyAsync(plan, cancellationToken), host, json);
            }

            return (int)ExitCode.Done;
        });
        return new Verb(command, """
            Creating asks nothing. Changing a harness asks on a terminal; elsewhere, and with --json, it needs
            --yes. What the file leaves out is cleared, or gets the value of a new harness; only model, maxTokens
            and the role stay. Members whose values may be secret are shown without them. With --json one object
            is printed for each harness.

            Examples:
              belay deploy --dry-run
              belay deploy samples/hello
              belay deploy app/coder --target staging --tags team=lab
              belay deploy --yes --json
            """);
    }

    /// <summary>Reads every project of a place; when anything is wrong in any of them, says all of it.</summary>
    private static List<ProjectFile> Read(string? path, string? target, string? name, string? tags, CliHost host)
    {
        var locations = ProjectLocation.Find(path, host);
        if (name is not null && locations.Count > 1)
        {
            throw CliException.Usage($"--name names one harness, and here are {locations.Count} projects; name one: {string.Join(", ", locations.Select(one => one.Show(one.File)))}.");
        }

        var more = tags is null ? [] : JsonOption.Map("--tags", tags, host);
        if (more.FirstOrDefault(tag => tag.Key.StartsWith(BelaySettings.TagPrefix, StringComparison.Ordinal) || tag.Value?.GetValueKind() != JsonValueKind.String).Key is { } wrong)
        {
            throw CliException.Usage($"--tags: {Terminal.OneLine(wrong, 64)} is no tag to set here: its value must be text, and what begins with {BelaySettings.TagPrefix} belongs into the file's belay section.");
        }

        var projects = ReadAll(locations, target, name);
        var twice = projects.GroupBy(project => project.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1);
        return twice is null
            ? [.. projects.Select(project => project with { Tags = Merge(project.Tags, more) })]
            : throw CliException.Usage($"Two projects have the name {twice.Key}: {string.Join(", ", twice.Select(project => project.File))}.");
    }

    /// <summary>Reads projects; when anything is wrong in any of them, says all of it.</summary>
    public static List<ProjectFile> ReadAll(IReadOnlyList<ProjectLocation> locations, string? target, string? name)
    {
        if (name is not null && !HarnessTarget.IsName(name))
        {
            throw CliException.Usage("--name must be a letter, then letters, digits and _, at most 40.");
        }

        var problems = new List<FileProblem>();
        var projects = locations.Select(location => ProjectReader.Read(location, target, name, problems)).OfType<ProjectFile>().ToList();
        return problems.Count == 0
            ? projects
            : throw new CliException(ExitCode.Usage, $"Nothing was sent: {(problems.Count == 1 ? "there is one problem" : $"there are {problems.Count} problems")} in the project.") { FileProblems = problems };
    }

    private static Dictionary<string, string> Merge(IReadOnlyDictionary<string, string> tags, JsonObject more)
    {
        var merged = tags.ToDictionary();
        foreach (var (key, value) in more)
        {
            merged[key] = (string)value!;
        }

        return merged;
    }

    private static void Show(List<DeploymentPlan> plans, CliHost host, bool json, bool text)
    {
        foreach (var plan in plans)
        {
            if (json)
            {
                JsonOutput.Write(host.Terminal.Output, plan.Json);
            }
            else if (text)
            {
                new DeploymentView(host.Terminal).Write(plan);
            }
        }
    }

    private static void Confirm(List<DeploymentPlan> plans, bool yes, bool json, CliHost host)
    {
        var changed = plans.Where(plan => plan.Action == DeploymentAction.Update).Select(plan => plan.Project.Name).ToList();
        if (yes || changed.Count == 0)
        {
            return;
        }

        var names = string.Join(", ", changed);
        if (json || !host.InputIsTerminal || !host.Terminal.ErrorIsTerminal)
        {
            throw CliException.Usage($"Nothing was changed: this updates {names}, and nobody can be asked here.", "Look at the difference with --dry-run, then add --yes.");
        }

        host.Terminal.Error.Write($"Update {names}? [y/N] ");
        if (host.Input.ReadLine()?.Trim() is not ("y" or "Y" or "yes"))
        {
            throw new CliException(ExitCode.Failed, "Nothing was changed.");
        }
    }

    private static void Show(DeploymentPlan plan, JsonElement? harness, CliHost host, bool json)
    {
        if (json)
        {
            var done = plan.Json;
            if (harness is { } made)
            {
                done["harnessId"] = made.Text("harnessId");
                done["arn"] = made.Text("arn");
                done["harnessVersion"] = made.Text("harnessVersion");
                done["status"] = made.Text("status");
            }

            JsonOutput.Write(host.Terminal.Output, done);
        }
        else if (harness is { } made)
        {
            HarnessView.Write(host.Terminal.Output, made);
        }
    }
}
