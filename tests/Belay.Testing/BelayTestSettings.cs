using System.Globalization;

namespace Belay.Testing;

/// <summary>What the launcher tells the test programs.</summary>
public static class BelayTestSettings
{
    /// <summary>Whether everything is asked for, however long it takes: <c>belay test --all</c>.</summary>
    public static bool All => Read("BELAY_TEST_ALL") == "1";

    /// <summary>How many days the simulator lives through: <c>belay test --seeds N</c>.</summary>
    public static int? Seeds => Number("BELAY_TEST_SEEDS");

    /// <summary>How many turns a server is soaked in: <c>belay test --soak N</c>; null when nobody asks for it.</summary>
    public static int? Soak => Number("BELAY_TEST_SOAK");

    /// <summary>The seed of what is asked for by itself: <c>belay test --soak N --seed S</c>; null for one that differs from run to run.</summary>
    public static int? Seed => Number("BELAY_TEST_SEED");

    private static int? Number(string variable) => int.TryParse(Read(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

#pragma warning disable RS0030 // How much is tested is told through the environment; nothing of the product is.
    private static string? Read(string variable) => Environment.GetEnvironmentVariable(variable);
#pragma warning restore RS0030
}
