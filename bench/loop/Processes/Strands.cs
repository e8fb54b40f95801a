using System.ComponentModel;
using System.Diagnostics;
using Belay.Testing.Processes;

namespace Belay.Bench.Loop.Processes;

/// <summary>The peer: installed from npm below artifacts/, exactly as its lock file says, and served by a small program of ours.</summary>
internal static class Strands
{
    private const string Program = "strands.mjs";
    private const string Lock = "package-lock.json";
    private static readonly string[] Copied = ["package.json", Lock, Program];

    /// <summary>Installs the peer where it is not yet; answers why not, or null.</summary>
    public static async Task<string?> InstallAsync(TextWriter progress, CancellationToken cancellationToken)
    {
        var source = Path.Combine(RepositoryPaths.Root, "bench", "loop", "peers");
        var folder = RepositoryPaths.Artifacts("bench", "peers");
        var installed = Path.Combine(folder, "node_modules", ".package-lock.json");
        var isFresh = File.Exists(installed) && Same(Path.Combine(source, Lock), Path.Combine(folder, Lock));
        foreach (var name in Copied)
        {
            File.Copy(Path.Combine(source, name), Path.Combine(folder, name), overwrite: true);
        }

        if (isFresh)
        {
            return null;
        }

        await progress.WriteLineAsync($"Installing the peer from npm into {Path.GetRelativePath(RepositoryPaths.Root, folder)}: @strands-agents/sdk, openai, zod and what they need (130 packages, 80 MB), as bench/loop/peers/package-lock.json says.");
        var start = new ProcessStartInfo("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", "--loglevel=error"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using var npm = Process.Start(start)!;
            var output = npm.StandardOutput.ReadToEndAsync(cancellationToken);
            var error = (await npm.StandardError.ReadToEndAsync(cancellationToken)).Trim();
            await output;
            await npm.WaitForExitAsync(cancellationToken);
            return npm.ExitCode == 0 ? null : $"npm ci failed: {error.Split('\n')[^1]}";
        }
        catch (Win32Exception)
        {
            return "npm is not installed";
        }
    }

    /// <summary>Starts it.</summary>
    public static Task<ChildProcess> StartAsync(Uri provider, CancellationToken cancellationToken) =>
        ChildProcess.StartAsync(
            new ProcessStartInfo("node", [Path.Combine(RepositoryPaths.Artifacts("bench", "peers"), Program), provider.ToString()]) { Environment = { ["OTEL_SDK_DISABLED"] = "true" } },
            cancellationToken);

    private static bool Same(string one, string other) => File.Exists(other) && File.ReadAllText(one) == File.ReadAllText(other);
}
