using System.Diagnostics;
using Belay.Sandboxes.Guest;

namespace Belay.Sandboxes.Process;

/// <summary>The program that sets a sandbox's namespaces up, and what to say to people when it is missing or refused.</summary>
internal static class Bubblewrap
{
    public const string HowToInstall =
        "The process driver needs bubblewrap, which is not installed. Install it: 'apt-get install bubblewrap' on Debian and Ubuntu, " +
        "'dnf install bubblewrap' on Fedora and RHEL, 'apk add bubblewrap' on Alpine, 'pacman -S bubblewrap' on Arch. " +
        "To run commands on this machine without any isolation instead, ask for it: --sandbox unconfined.";

    private static readonly string[] Folders = ["/usr/bin", "/bin", "/usr/local/bin"];

    public static string? Find() => Folders.Select(folder => Path.Join(folder, "bwrap")).FirstOrDefault(File.Exists);

    public static async Task<string> HelpAsync(string path)
    {
        var start = new ProcessStartInfo(path, "--help") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Clear();
        using var process = await Launcher.StartAsync(start);
        var complaint = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var help = await process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        return help + await complaint;
    }

    /// <summary>Why a sandbox did not start, with what this machine's settings say about namespaces, and what to do.</summary>
    public static string Explain(string failure)
    {
        string? hint = null;
        if (Reads("/proc/sys/kernel/unprivileged_userns_clone", "0"))
        {
            hint = "this kernel refuses user namespaces to ordinary users (sysctl kernel.unprivileged_userns_clone=1 allows them)";
        }
        else if (Reads("/proc/sys/user/max_user_namespaces", "0"))
        {
            hint = "user namespaces are switched off (sysctl user.max_user_namespaces is 0)";
        }
        else if (Reads("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
        {
            hint = "AppArmor refuses user namespaces to programs without a profile (sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a profile for bwrap)";
        }
        else if (File.Exists("/.dockerenv") || File.Exists("/run/.containerenv"))
        {
            hint = "this seems to be a container that forbids namespaces (with Docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined)";
        }

        return $"The process driver cannot start a sandbox here: {failure.TrimEnd('.')}." +
            (hint is null ? "" : $" Probably {hint}.") +
            " To run commands on this machine without any isolation instead, ask for it: --sandbox unconfined.";
    }

    private static bool Reads(string path, string value) => File.Exists(path) && File.ReadAllText(path).Trim() == value;
}
