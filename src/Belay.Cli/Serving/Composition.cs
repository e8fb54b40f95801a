using Belay.Sandboxes;
namespace Belay.Cli.Serving;
internal static class Composition
{
    public static Task<RunningServer> StartAsync(ServeSettings settings, CancellationToken cancellationToken) => throw new InvalidOperationException();
    public static IReadOnlyList<ISandboxDriver> SandboxDrivers(ServeSettings settings) => [];
}
