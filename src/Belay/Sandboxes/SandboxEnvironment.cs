using System.Security.Cryptography;
using System.Text;
using Belay.Contracts.Harnesses;
using Belay.Sessions;

namespace Belay.Sandboxes;

/// <summary>What a harness's environment means for the sandbox of one session: plain functions of configuration.</summary>
internal static class SandboxEnvironment
{
    /// <summary>Folder of the data directory in which sessions have their workspaces.</summary>
    public const string Workspaces = "workspaces";

    /// <summary>Folder of the data directory in which sessions have their storage.</summary>
    public const string Storages = "session-storage";

    /// <summary>Where programs are looked for.</summary>
    public const string SearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>Variables of everything that runs inside. Ours win over the harness's of the same name.</summary>
    public static IReadOnlyDictionary<string, string> Variables(SessionKey session, Harness harness)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal) { ["LANG"] = "C.UTF-8" };
        foreach (var (name, value) in harness.EnvironmentVariables ?? new Dictionary<string, string>())
        {
            variables[name] = value;
        }

        variables["HOME"] = "/root";
        variables["PATH"] = SearchPath;
        variables["AWS_REGION"] = session.Scope.Region;
        variables["BEDROCK_AGENTCORE_SESSION_ID"] = session.SessionId;
        variables["BEDROCK_AGENTCORE_HARNESS_ARN"] = harness.Arn;
        return variables;
    }

    /// <summary>How long the sandbox lives idle, and at all. What the harness leaves out follows from what it says, then from the settings.</summary>
    public static (TimeSpan Idle, TimeSpan Life) Lifetimes(Harness harness, SandboxSettings settings)
    {
        var configured = harness.Environment.AgentCoreRuntimeEnvironment?.LifecycleConfiguration;
        var life = configured?.MaxLifetime is { } seconds ? TimeSpan.FromSeconds(seconds) : settings.MaxLifetime;
        var idle = configured?.IdleRuntimeSessionTimeout is { } idleSeconds ? TimeSpan.FromSeconds(idleSeconds) : settings.IdleTimeout;
        return (idle < life ? idle : life, life);
    }

    /// <summary>Host directories by the path at which they appear. Throws <see cref="SandboxException"/> for a file system that this server does not know.</summary>
    public static IReadOnlyDictionary<string, string> Mounts(Harness harness, string sessionStorage, SandboxSettings settings)
    {
        var mounts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var system in harness.Environment.AgentCoreRuntimeEnvironment?.FilesystemConfigurations ?? [])
        {
            var (path, source) = system switch
            {
                { SessionStorage: { } storage } => (storage.MountPath, sessionStorage),
                { S3FilesAccessPoint: { } point } => (point.MountPath, Known(point.AccessPointArn)),
                { EfsAccessPoint: { } point } => (point.MountPath, Known(point.AccessPointArn)),
                _ => throw new SandboxException("The harness mounts a kind of file system that this server does not have."),
            };
            // The published pattern lets these two through. A mount on /mnt itself would let the session's files decide where the next one goes.
            if (path.TrimEnd('/') is "/mnt/." or "/mnt/..")
            {
                throw new SandboxException($"The harness mounts a file system at {path}, which names no directory of its own below /mnt.");
            }

            mounts[path.TrimEnd('/')] = source;
        }

        return mounts;

        string Known(string arn) => settings.Mounts.TryGetValue(arn, out var directory)
            ? directory
            : throw new SandboxException($"The harness mounts {arn}, for which this server's Sandbox:Mounts names no directory.");
    }

    /// <summary>Directory of a session below a folder. Ids come from callers, so the name is made from their hash: no id can reach elsewhere.</summary>
    public static string Directory(string folder, SessionKey session)
    {
        var id = string.Join('\n', session.Scope.Account, session.Scope.Region, session.HarnessId, session.SessionId);
        var harness = string.Concat(session.HarnessId.Where(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-').Take(51));
        return Path.Join(folder, harness.Length > 0 ? harness : "_", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)).AsSpan(0, 20)));
    }
}
