using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Agents;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;
using Belay.Harnesses;
using Belay.Sessions;
using Belay.Storage;
using Belay.Tools;

namespace Belay.Bundles;

/// <summary>
/// Makes a bundle a session of this server: all of it or nothing. Its entries are sealed with this server's keys and keep their times; it runs
/// nothing. What was unfinished is settled as interrupted.
/// </summary>
/// <param name="sessions">The sessions of this server.</param>
/// <param name="catalog">Where its harness is, or is made.</param>
/// <param name="time">The clock.</param>
public sealed partial class SessionImport(SessionHost sessions, HarnessCatalog catalog, TimeProvider time)
{
    /// <summary>Imports a bundle.</summary>
    /// <param name="scope">Whose session it becomes.</param>
    /// <param name="bundle">The bundle.</param>
    /// <param name="harnessId">Harness that it is given to; null for the one of the same name, which is made when there is none.</param>
    /// <param name="sessionId">Its id here; null for the one that it had.</param>
    /// <param name="cancellationToken">Ends it; then nothing was changed.</param>
    /// <exception cref="BundleException">The bundle's entries cannot be a session here.</exception>
    /// <exception cref="ServiceException">The harness does not exist or cannot be made, or the session exists.</exception>
    public async Task<ImportedSession> RunAsync(Scope scope, SessionBundle bundle, string? harnessId, string? sessionId, CancellationToken cancellationToken)
    {
        var now = DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
        var session = sessionId ?? bundle.Header.SessionId;
        if (!SessionId().IsMatch(session))
        {
            throw new BundleException($"\"{OneLine.Of(session)}\" is no session id. Give it one.");
        }

        var versions = new Dictionary<string, Harness>(StringComparer.Ordinal);
        foreach (var (version, definition) in bundle.Versions)
        {
            versions[Name(bundle, version)] = definition;
        }

        var (entries, interrupted) = Entries(bundle, now);
        var harness = harnessId is null
            ? await catalog.FindByNameAsync(scope, bundle.Header.HarnessName, cancellationToken)
            : await catalog.GetAsync(scope, harnessId, null, cancellationToken);

        // From here on it is done, or undone.
        IReadOnlyList<string> missing = [];
        var made = harness is null;
        if (harness is null)
        {
            (harness, missing) = await MakeAsync(scope, bundle, cancellationToken);
        }

        var key = new SessionKey(scope, harness.HarnessId, session);
        try
        {
            await BeginAsync(key, bundle.Entries.Select(entry => entry.Body).OfType<InvocationStarted>().FirstOrDefault()?.ActorId, versions, entries);
        }
        catch when (made)
        {
            await catalog.WithdrawAsync(scope, harness.HarnessId, CancellationToken.None);
            throw;
        }

        return new(harness, made, key, entries.Count, interrupted, missing);
    }

    private static string Name(SessionBundle bundle, string version) => ImportedVersion.Of(bundle.Header.HarnessId, version)
        ?? throw new BundleException($"The bundle names version \"{OneLine.Of(version)}\" of harness \"{OneLine.Of(bundle.Header.HarnessId)}\", which is no version of a harness.");

    // The entries as they are kept here, with the ends of what was unfinished.
    private static (List<PlainEntry> Entries, string? Interrupted) Entries(SessionBundle bundle, DateTimeOffset now)
    {
        var conversation = new Conversation();
        var entries = new List<PlainEntry>();
        var asking = 0L;
        for (var i = 0; i < bundle.Entries.Count; i++)
        {
            var (sequence, body, json) = bundle.Entries[i];
            if (bundle.At[i] < DateTimeOffset.UnixEpoch || bundle.At[i] > now + FeedQuery.Disorder)
            {
                throw new BundleException($"Entry {sequence} is of {bundle.At[i].ToString("u", CultureInfo.InvariantCulture)}, which is no time that can have been. Compare the clocks of the two servers.");
            }

            Apply(conversation, sequence, body);
            asking = body is ModelIntent ? sequence : asking;
            entries.Add(body is InvocationStarted started
                ? PlainEntry.Of(bundle.At[i], started with { Version = Name(bundle, started.Version) })
                : new(bundle.At[i], JournalJson.KindOf(body), json));
        }

        var unfinished = conversation.Unfinished;
        Settle(SessionRepair.Over(conversation, asking));
        if (conversation.Unfinished is { } invocation)
        {
            Settle(SessionRepair.MaybeDone(conversation, invocation, _ => ToolRecovery.Unknown));
            Settle(SessionRepair.Interrupted(conversation, invocation));
        }

        return (entries, unfinished?.InvocationId);

        void Settle(IReadOnlyList<EntryBody> bodies)
        {
            foreach (var body in bodies)
            {
                conversation.Apply(body);
                entries.Add(PlainEntry.Of(now, body));
            }
        }
    }

    // Whoever signed it may have written anything.
    private static void Apply(Conversation conversation, long sequence, EntryBody body)
    {
        if (body is SessionForked)
        {
            throw new BundleException("The session was forked; it would need the session that it came from.");
        }

        try
        {
            conversation.Apply(body);
        }
        catch (Exception cause) when (cause is UnreachableException or ArgumentException or NullReferenceException or InvalidOperationException)
        {
            throw new BundleException($"Entry {sequence} cannot stand where it does.", cause);
        }
    }

    private async Task<(Harness Harness, IReadOnlyList<string> Missing)> MakeAsync(Scope scope, SessionBundle bundle, CancellationToken cancellationToken)
    {
        var newest = bundle.Versions.Keys.LastOrDefault(version => !ImportedVersion.IsOne(version)) ?? bundle.Versions.Keys.LastOrDefault()
            ?? throw new BundleException($"The bundle has no version of harness {OneLine.Of(bundle.Header.HarnessName)} to make it from. Name a harness that exists.");
        var (request, missing) = ImportedHarness.Of(bundle.Header.HarnessName, bundle.Versions[newest], bundle.LeftOut[newest]);
        try
        {
            var problems = ShapeValidator.Validate(BelayJson.Default.CreateHarnessRequest, JsonSerializer.SerializeToElement(request, BelayJson.Default.CreateHarnessRequest)).ToList();
            return problems.Count > 0 ? throw ServiceException.Invalid(problems) : (await catalog.CreateAsync(scope, request, cancellationToken), missing);
        }
        catch (ServiceException fault) when (fault.Code == FaultCode.ValidationException)
        {
            throw new BundleException($"The bundle's harness cannot be made here: {fault.Message} Name a harness that exists.", fault);
        }
    }

    private Task BeginAsync(SessionKey key, string? actorId, Dictionary<string, Harness> versions, List<PlainEntry> entries) => sessions.BeginAsync(
        key,
        async (journal, _) =>
        {
            await journal.FixActorAsync(actorId ?? InvocationResolver.DefaultActor, CancellationToken.None);
            try
            {
                await catalog.KeepVersionsAsync(key, versions, CancellationToken.None);
                await journal.AppendAsync(entries, CancellationToken.None);
            }
            catch
            {
                await catalog.DropVersionsAsync(key, versions, CancellationToken.None);
                throw;
            }
        },
        CancellationToken.None);

    [GeneratedRegex(@"\A[a-zA-Z0-9][a-zA-Z0-9_-]{32,99}\z", RegexOptions.CultureInvariant)]
    private static partial Regex SessionId();
}

/// <summary>What an import made.</summary>
/// <param name="Harness">Harness of the session.</param>
/// <param name="Made">Whether it was made for it.</param>
/// <param name="Session">The session.</param>
/// <param name="Entries">Entries of its journal.</param>
/// <param name="Interrupted">Invocation that had not ended and was; null when all had.</param>
/// <param name="Missing">What the harness that was made was not given, because the bundle does not have it.</param>
public sealed record ImportedSession(Harness Harness, bool Made, SessionKey Session, int Entries, string? Interrupted, IReadOnlyList<string> Missing);
