using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Belay.Cli.CommandLine;
using Belay.Cli.Keys;
using Belay.Contracts;
using Belay.Contracts.Verification;

namespace Belay.Cli.Verification;

/// <summary><c>belay verify</c>: whether the journals are what was written, by the server that holds them, else from its directory.</summary>
internal static class VerifyVerb
{
    private static readonly Column[] Columns = [new("HARNESS", Whole: true), new("SESSION", Whole: true), new("ENTRY", Right: true), new("PROBLEM"), new("MEANING")];
    private static readonly TimeSpan Telling = TimeSpan.FromMilliseconds(200);

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var session = new Option<string?>("--session-id", "--session") { Description = "Only sessions with this id.", HelpName = "ID" };
        var bundles = new Argument<string[]>("bundle") { Description = "Files that export-session wrote, instead of a server's sessions.", Arity = ArgumentArity.ZeroOrMore };
        var trust = new Option<string?>("--trust") { Description = "Only bundles that this key signed.", HelpName = "FINGERPRINT" };
        var connection = new ConnectionOptions();
        var command = new Command("verify", "Verify every session, or bundles: that no entry was edited, removed, swapped or cut off.") { bundles, session, trust };
        connection.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var directory = connection.DataDirectory(parsed, host);
            var id = parsed.GetValue(session);
            if (parsed.GetValue(bundles) is { Length: > 0 } files)
            {
                return id is null
                    ? (int)await BundleVerification.RunAsync(host, files, parsed.GetValue(trust), connection.Json(parsed), cancellationToken)
                    : throw CliException.Usage("--session-id is about a server's sessions; a bundle holds one.", "Name the bundles alone.");
            }

            if (parsed.GetValue(trust) is not null)
            {
                throw CliException.Usage("--trust is about bundles, and none is named.", "Name them: belay verify FILE --trust FINGERPRINT");
            }

            using var client = connection.NamesUrl(parsed) || KeyKeepers.IsHeld(directory) ? connection.Connect(parsed, host) : null;
            var steps = client?.VerifyAsync(id, cancellationToken) ?? DirectoryVerification.RunAsync(directory, id, host, cancellationToken);
            var (damaged, tally) = await CollectAsync(host, steps, cancellationToken);
            if (id is not null && tally.Sessions == 0)
            {
                throw new CliException(ExitCode.Failed, $"There is no session {Terminal.OneLine(id, 256)}.", "See what there is: belay list sessions");
            }

            if (connection.Json(parsed))
            {
                var answer = JsonSerializer.SerializeToNode(new VerifyJournalsResponse { Damaged = damaged, Tally = tally }, BelayJson.Default.VerifyJournalsResponse)!;
                JsonOutput.Write(host.Terminal.Output, answer);
            }
            else
            {
                Write(host.Terminal, damaged, tally);
            }

            return (int)(damaged.Count > 0 || tally.Heads?.Problem is not null ? ExitCode.Damaged : ExitCode.Done);
        });
        return new Verb(command, """
            Asks the server that holds the data directory, and reads the directory itself when none does. Bundles need neither server nor
            key. Nothing is changed.
            Ends with 0 when everything is as it was written, with 5 when something is not.

            Examples:
              belay verify
              belay verify --data /var/lib/belay --json | jq '.damaged[] | {sessionId, sequence, problem}'
              belay verify refund.belay --trust 1f0c:77ab:93d0:0b5e:5a5c:8d11:90aa:31f7
            """);
    }

    private static async Task<(IReadOnlyList<DamagedSession> Damaged, VerificationTally Tally)> CollectAsync(
        CliHost host, IAsyncEnumerable<VerificationStep> steps, CancellationToken cancellationToken)
    {
        var damaged = new List<DamagedSession>();
        var told = host.Time.GetTimestamp();
        var shown = false;
        VerificationStep? last = null;
        await foreach (var step in steps.WithCancellation(cancellationToken))
        {
            last = step;
            if (step.Damaged is { } one)
            {
                damaged.Add(one);
            }

            if (host.Terminal.ErrorIsTerminal && host.Time.GetElapsedTime(told) >= Telling)
            {
                told = host.Time.GetTimestamp();
                shown = true;
                host.Terminal.Error.Write($"\rVerifying: {Count(step.Tally.Sessions, "session")}, {Count(step.Tally.Entries, "entry", "entries")}   ");
            }
        }

        if (shown)
        {
            host.Terminal.Error.WriteLine();
        }

        return last is { Done: true }
            ? (damaged, last.Tally)
            : throw new CliException(ExitCode.Failed, "Could not verify the journals: the server stopped before it was done.", "Try again when it runs, or when no server does.");
    }

    private static void Write(Terminal terminal, IReadOnlyList<DamagedSession> damaged, VerificationTally tally)
    {
        if (damaged.Count > 0)
        {
            var table = new Table(Columns);
            foreach (var one in damaged)
            {
                table.Add(one.HarnessId, one.SessionId, one.Sequence.ToString(CultureInfo.InvariantCulture), new Cell(one.Problem, Tone.Bad), one.Meaning);
            }

            table.WriteTo(terminal);
            terminal.Output.WriteLine();
        }

        if (tally.Heads is { } heads)
        {
            terminal.Output.WriteLine(heads.Problem is { } problem
                ? terminal.Show(Terminal.OneLine(problem, 500), Tone.Bad)
                : $"Signed heads: batch {heads.Batch} of {KeysVerb.Time(heads.Newest ?? default)}, signed since {KeysVerb.Time(heads.Since ?? default)}.");
        }

        terminal.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Count(tally.Sessions, "session")}, {Count(tally.Entries, "entry", "entries")}, {Count(tally.ErasedBodies, "erased body", "erased bodies")} in {tally.Milliseconds / 1000.0:0.0} s: {Verdict(tally)}"));
        if (tally.UnsignedEntries > 0)
        {
            terminal.Error.WriteLine($"{Count(tally.UnsignedEntries, "entry", "entries")} at the ends of sessions {(tally.UnsignedEntries == 1 ? "is" : "are")} not signed yet, as after a crash; the next start of the server signs them.");
        }

        if (tally.UnknownBodies > 0)
        {
            terminal.Error.WriteLine($"{Count(tally.UnknownBodies, "entry", "entries")} can be read by a newer version of Belay only; the chain over them is verified.");
        }
    }

    private static string Verdict(VerificationTally tally) =>
        tally.DamagedSessions > 0 ? $"{Count(tally.DamagedSessions, "session is", "sessions are")} damaged."
        : tally.Heads?.Problem is not null ? "no entry is damaged, but nothing proves that the newest are all there."
        : "nothing is damaged.";

    private static string Count(long count, string one, string? many = null) =>
        string.Create(CultureInfo.InvariantCulture, $"{count:#,0} {(count == 1 ? one : many ?? one + "s")}");
}
