using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;

namespace Belay.Cli.CommandLine;

/// <summary><c>belay --version</c>.</summary>
internal sealed class ShowVersion : SynchronousCommandLineAction
{
    /// <summary>Version of this program.</summary>
    public static string Version { get; } =
        typeof(ShowVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "unknown";

    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        parseResult.InvocationConfiguration.Output.WriteLine($"belay {Version}");
        return 0;
    }
}
