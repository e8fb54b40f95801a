using System.Globalization;

namespace Belay.Testing;

/// <summary>What the launcher tells the test programs.</summary>
public static class BelayTestSettings
{
    /// <summary>Whether everything is asked for, however long it takes: <c>belay test --all</c>.</summary>
    public static bool All => Read("BELAY_TEST_ALL") == "1";

    /// <summary>How many days the simulator lives through: <c>belay test --seeds N</c>.</summary>
    public static int? Seeds => int.TryParse(Read("BELAY_TEST_SEEDS"), NumberStyles.None, CultureInfo.InvariantCulture, out var seeds) ? seeds : null;

#pragma warning disable RS0030 // How much is tested is told through the environment; nothing of the product is.
    private static string? Read(string variable) => Environment.GetEnvironmentVariable(variable);
#pragma warning restore RS0030
}
