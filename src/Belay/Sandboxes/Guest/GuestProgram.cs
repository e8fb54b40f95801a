using System.Runtime.InteropServices;

namespace Belay.Sandboxes.Guest;

/// <summary>
/// The guest's program on this machine, in one of two forms: a native one that needs only a C library, or one that runs on the
/// .NET runtime that this server itself runs on. The native one is taken when both are there.
/// </summary>
/// <param name="Directory">Directory that holds it.</param>
/// <param name="RuntimeDirectory">Root of the .NET installation; null for the native form.</param>
internal sealed record GuestProgram(string Directory, string? RuntimeDirectory)
{
    private const string NativeName = "belay-guest";
    private const string ManagedName = "belay-guest.dll";

    /// <summary>Variables of the guest itself; no command sees them. The runtime must open nothing that a tenant could talk to.</summary>
    public static IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string>
    {
        ["DOTNET_EnableDiagnostics"] = "0",
        ["DOTNET_TieredPGO"] = "0",
    };

    /// <summary>Finds it in a directory; throws <see cref="SandboxException"/> when it is not there.</summary>
    public static GuestProgram Find(string directory)
    {
        if (File.Exists(Path.Join(directory, NativeName)))
        {
            return new GuestProgram(directory, null);
        }

        if (!File.Exists(Path.Join(directory, ManagedName)))
        {
            throw new SandboxException("The guest program is missing beside the server; build or install Belay again.");
        }

        // shared/Microsoft.NETCore.App/<version>/ below the root of the installation.
        var root = Path.GetFullPath(Path.Join(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        return File.Exists(Path.Join(root, "dotnet"))
            ? new GuestProgram(directory, root)
            : throw new SandboxException("The guest program needs a .NET runtime beside the one of the server, or its native form in the folder 'guest'.");
    }

    /// <summary>The command that starts it, where its directory and the runtime's appear at these paths.</summary>
    public IReadOnlyList<string> Command(string directory, string runtimeDirectory) => RuntimeDirectory is null
        ? [$"{directory}/{NativeName}"]
        : [$"{runtimeDirectory}/dotnet", $"{directory}/{ManagedName}"];
}
