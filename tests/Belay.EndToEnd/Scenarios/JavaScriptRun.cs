using System.Diagnostics;
using Belay.Testing.Processes;

namespace Belay.EndToEnd.Scenarios;

/// <summary>The scenario list of the AWS SDK for JavaScript v3. Its packages are installed below <c>artifacts/</c>, once for each lock file.</summary>
public sealed class JavaScriptRun(SharedServer server) : ScenarioRun(server.StartedAsync)
{
    private static readonly TimeSpan InstallLimit = TimeSpan.FromMinutes(5);

    protected override async Task<string[]?> PrepareAsync(CancellationToken cancellationToken)
    {
        if (!await IsInstalledAsync("node", ["--version"], cancellationToken) || !await IsInstalledAsync("npm", ["--version"], cancellationToken))
        {
            Skip("Node.js with npm is not installed, so the AWS SDK for JavaScript cannot run.");
            return null;
        }

        var source = Path.Combine(ScenarioList.Folder, "javascript");
        var folder = RepositoryPaths.Artifacts("end-to-end", "javascript");
        foreach (var file in Directory.EnumerateFiles(source).Where(file => Path.GetExtension(file) is ".mjs" or ".json" || Path.GetFileName(file) == ".npmrc"))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        }

        var stamp = Path.Combine(folder, "node_modules", ".belay-lock");
        var wanted = await File.ReadAllTextAsync(Path.Combine(folder, "package-lock.json"), cancellationToken);
        if (!File.Exists(stamp) || await File.ReadAllTextAsync(stamp, cancellationToken) != wanted)
        {
            TestContext.Current.SendDiagnosticMessage($"Installing the AWS SDK for JavaScript with npm ci into {folder}.");
            await ProgramRun.SucceedAsync(new ProcessStartInfo("npm", ["ci"]) { WorkingDirectory = folder }, InstallLimit, cancellationToken);
            await File.WriteAllTextAsync(stamp, wanted, cancellationToken);
        }

        return ["node", Path.Combine(folder, "scenarios.mjs")];
    }
}
