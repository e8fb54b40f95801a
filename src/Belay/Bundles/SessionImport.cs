using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Belay.Agents;
using Belay.Contracts;
using Belay.Contracts.Faults;
using Belay.Contracts.Harnesses;
using Belay.Contracts.Validation;
using Belay.Harnesses;
using Belay.Sandboxes.Snapshots;
using Belay.Sessions;
using Belay.Storage;
using Belay.Storage.Trees;
using Belay.Tools;

namespace Belay.Bundles;

/// <summary>
/// Makes a bundle a session of this server: all of it or nothing. Its entries are sealed with this server's keys and keep their times; it runs
/// nothing. What was unfinished is settled as interrupted.
/// </summary>
/// <param name="reader">Reads the sessions of this server.</param>
/// <param name="sessions">Makes them.</param>
/// <param name="catalog">Where its harness is, or is made.</param>
/// <param name="snapshots">Where its files go; null where nobody keeps files.</param>
/// <param name="time">The clock.</param>
public sealed partial class SessionImport(SessionReader reader, SessionHost sessions, HarnessCatalog catalog, WorkspaceSnapshots? snapshots, TimeProvider time)
{
    /// <summary>Imports a bundle.</summary>
    /// <param name="scope">Whose session it becomes.</param>
    /// <param name="bundle">The bundle.</param>
    /// <param name="files">The archive of its files, from its beginning; null when it begins without any.</param>
    /// <param name="harnessId">Harness that it is given to; null for the one of the same name, which is made when there is none.</param>
    /// <param name="sessionId">Its id here; null for the one that it had.</param>
    /// <param name="cancellationToken">Ends it; then nothing was changed.</param>
    /// <exception cref="BundleException">The bundle's entries cannot be a session here.</exception>
    /// <exception cref="ServiceException">The harness does not exist or cannot be made, or the session exists.</exception>
    public async Task<ImportedSession> RunAsync(Scope scope, SessionBundle bundle, Stream? files, string? harnessId, string? sessionId, CancellationToken cancellationToken)
    {
        var now = DateTimeOffset.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());
        var session = sessionId ?? bundle.Header.SessionId;
        if (!SessionId().IsMatch(session))
        {
            throw new BundleException($"\"{OneLine.Of(session)}\" is no session id. Give it one.");
        }

        var versions = bundle.Versions.ToDictionary(pair => Name(bundle, pair.Key), pair => pair.Value, StringComparer.Ordinal);
        var drafts = Enumerable.Range(0, bundle.Sessions.Count).Select(index => Draft(bundle, index, versions, now)).ToList();
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
            var actorId = bundle.Sessions.SelectMany(one => one.Entries).Select(entry => entry.Body).OfType<InvocationStarted>().FirstOrDefault()?.ActorId;
            var past = new ImportedPast(reader, sessions, catalog, actorId ?? InvocationResolver.DefaultActor);
            var (sources, restored) = await BeginAsync(key, past, drafts, bundle.Header.Files, files);
            return new(harness, made, key, drafts[^1].Entries.Count, drafts[^1].Interrupted, missing, sources, restored);
        }
        catch when (made)
        {
            await catalog.WithdrawAsync(scope, harness.HarnessId, CancellationToken.None);
            throw;
        }
    }

    private static string Name(SessionBundle bundle, string version) => ImportedVersion.Of(bundle.Header.HarnessId, version)
        ?? throw new BundleException($"The bundle names version \"{OneLine.Of(version)}\" of harness \"{OneLine.Of(bundle.Header.HarnessId)}\", which is no version of a harness.");

    // The entries of one session as they are kept here, with the ends of what was unfinished.
    private static SessionDraft Draft(SessionBundle bundle, int index, Dictionary<string, Harness> versions, DateTimeOffset now)
    {
        var session = bundle.Sessions[index];
        if (session.Entries.Skip(index > 0 ? 1 : 0).Any(entry => entry.Body is SessionForked) || (index > 0 && session.Entries[0].Body is not SessionForked))
        {
            throw new BundleException($"Session {OneLine.Of(session.SessionId)} was forked, and what it goes on from is not what stands before it in the bundle.");
        }

        var entries = new List<PlainEntry>();
        var named = new Dictionary<string, Harness>(StringComparer.Ordinal);
        var asking = 0L;
        foreach (var ((sequence, body, json), at) in session.Entries.Zip(session.At))
        {
            if (at < DateTimeOffset.UnixEpoch || at > now + FeedQuery.Disorder)
            {
                throw new BundleException($"Entry {sequence} is of {at.ToString("u", CultureInfo.InvariantCulture)}, which is no time that can have been. Compare the clocks of the two servers.");
            }

            asking = body is ModelIntent ? sequence : asking;
            if (body is not InvocationStarted started)
            {
                entries.Add(new(at, JournalJson.KindOf(body), json));
                continue;
            }

            var name = Name(bundle, started.Version);
            entries.Add(PlainEntry.Of(at, started with { Version = name }));
            if (versions.TryGetValue(name, out var version))
            {
                named[name] = version;
            }
        }

        var conversation = bundle.Fold(index + 1);
        Settle(SessionRepair.Over(conversation, asking));
        var unfinished = conversation.Unfinished;
        if (unfinished is { } invocation)
        {
            Settle(SessionRepair.MaybeDone(conversation, invocation, _ => ToolRecovery.Unknown));
            Settle(SessionRepair.Interrupted(conversation, invocation));
        }

        return new(session.SessionId, entries, session.Entries.Count, session.Entries[0].Body as SessionForked, named, unfinished?.InvocationId);

        void Settle(IReadOnlyList<EntryBody> bodies)
        {
            foreach (var body in bodies)
            {
                conversation.Apply(body);
                entries.Add(PlainEntry.Of(now, body));
            }
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

    // Its name is taken first, so that a session that exists is found before anything is written.
    private async Task<(IReadOnlyList<string> Past, SavedFiles? Files)> BeginAsync(
        SessionKey key, ImportedPast past, List<SessionDraft> drafts, BundleFiles? header, Stream? files)
    {
        IReadOnlyList<string> sources = [];
        SavedFiles? restored = null;
        await sessions.BeginAsync(
            key,
            async (journal, _) =>
            {
                if (files is null || header is null || snapshots is null)
                {
                    await AppendAsync(null);
                    return;
                }

                try
                {
                    restored = await snapshots.PlaceAsync(files, new(header.Sequence, header.SavedAt, header.Files, header.Bytes), key, AppendAsync, CancellationToken.None);
                }
                catch (TreeException problem)
                {
                    throw new BundleException($"The files of the bundle cannot be restored. {problem.Message.TrimEnd('.')}. Leave them out (--no-files) to import the session without them.", problem);
                }

                async Task AppendAsync(SavedFiles? saved)
                {
                    (sources, var draft) = await past.MakeAsync(key, drafts);
                    await past.AppendAsync(journal, draft);
                }
            },
            CancellationToken.None);
        return (sources, restored);
    }

    [GeneratedRegex(@"\A[a-zA-Z0-9][a-zA-Z0-9_-]{32,99}\z", RegexOptions.CultureInvariant)]
    internal static partial Regex SessionId();
}

/// <summary>What an import made.</summary>
/// <param name="Harness">Harness of the session.</param>
/// <param name="Made">Whether it was made for it.</param>
/// <param name="Session">The session.</param>
/// <param name="Entries">Entries of its journal.</param>
/// <param name="Interrupted">Invocation that had not ended and was; null when all had.</param>
/// <param name="Missing">What the harness that was made was not given, because the bundle does not have it.</param>
/// <param name="Past">Ids of the sessions here that it goes on from, the oldest first.</param>
/// <param name="Files">Its files; null when it begins without any.</param>
public sealed record ImportedSession(
    Harness Harness, bool Made, SessionKey Session, int Entries, string? Interrupted, IReadOnlyList<string> Missing, IReadOnlyList<string> Past, SavedFiles? Files);

/// <summary>A session of a bundle as it can be stored here.</summary>
/// <param name="SessionId">Its id where it comes from.</param>
/// <param name="Entries">Its entries, with the ends of what was unfinished.</param>
/// <param name="Recorded">How many of them are in the bundle: those are what a fork of it shares.</param>
/// <param name="Forked">Its first entry, when it goes on from the session before it.</param>
/// <param name="Versions">The versions that it names, by name.</param>
/// <param name="Interrupted">Invocation that had not ended; null when all had.</param>
internal sealed record SessionDraft(
    string SessionId, List<PlainEntry> Entries, int Recorded, SessionForked? Forked, IReadOnlyDictionary<string, Harness> Versions, string? Interrupted);
