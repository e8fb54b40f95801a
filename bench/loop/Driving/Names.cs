namespace Belay.Bench.Loop.Driving;

/// <summary>Names of subjects in tables.</summary>
internal static class Names
{
    public const string Raw = "raw client";
    public const string Floor = "raw client behind Kestrel";
    public const string Strands = "Strands behind http";
    public const string Belay = "Belay";
    public const string MemoryJournal = "Belay, journal in memory";
    public const string NoSealing = "Belay, nothing sealed";
    public const string Bearer = "Belay, bearer token";
    public const string NoTelemetry = "Belay, no telemetry";
    public const string NotSynced = "Belay, journal not synced";
    public const string Cold = "Belay, cold sessions";
}
