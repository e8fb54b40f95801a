using Belay.Agents;
using Microsoft.Extensions.Logging;

namespace Belay.Sessions;

/// <content>What a fork is told about its invocations, and the saving of files at an invocation's end.</content>
public sealed partial class LiveSession
{
    private readonly CancellationTokenSource _hurry = new();
    private Task _saving = Task.CompletedTask;
    private bool _touched;

    /// <summary>Completes when the files of the last invocation are saved, or are not going to be.</summary>
    public Task SavedAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return _saving.WaitAsync(cancellationToken);
        }
    }

    // What an invocation says itself wins over what its session was forked with, and that over the version.
    private Invocation Held(Invocation invocation)
    {
        if (_conversation.Forked is not { } forked)
        {
            return invocation;
        }

        if (invocation.GivenModel is null && forked.Model is { } configuration)
        {
            var model = _services.ResolveModel(Key.Scope, configuration);
            invocation = invocation with { Model = model.Model, Parameters = model.Parameters, Fallbacks = model.Fallbacks, RequireKeyAsync = model.RequireKeyAsync, GivenModel = configuration };
        }

        return invocation.SystemGiven || forked.System is not { } system ? invocation : invocation with { System = system, SystemGiven = true };
    }

    // The caller holds the gate. The next invocation waits for it, the stream of this one does not. Whether a sandbox ran is known from its start,
    // and from its being there still.
    private void BeginSaving()
    {
        if (_running is null || _services.Files is not { } files || !(_touched || _conversation.SandboxId is not null) || _conversation.Unfinished is not null || Broken)
        {
            return;
        }

        _touched = false;
        _saving = SaveAsync(files.SaveAsync, _journal.LastSequence);
    }

    private async Task SaveAsync(SaveSessionFiles saveAsync, long sequence)
    {
        // The caller holds the gate.
        await Task.Yield();
        try
        {
            if (await saveAsync(Key, sequence, _hurry.Token) is { } saved)
            {
                await _mailbox.AppendAsync([saved], Durability.Queued);
            }
        }
        catch (OperationCanceledException) when (_hurry.IsCancellationRequested)
        {
            Log.NotSaved(_services.Logger, Key.SessionId, "The server stops.");
        }
#pragma warning disable CA1031 // An invocation that is over has not failed because its files could not be saved.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Log.NotSaved(_services.Logger, Key.SessionId, failure.Message);
        }
    }

    // What is being saved gets the time that stopping a session may take.
    private async Task EndSavingAsync()
    {
        try
        {
            await _saving.WaitAsync(_services.Settings.StopTime, _services.Time);
        }
        catch (TimeoutException)
        {
            await _hurry.CancelAsync();
            await _saving;
        }

        _hurry.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The files of session {SessionId} were not saved; a fork of it begins with those that were saved before. {Reason}")]
        public static partial void NotSaved(ILogger logger, string sessionId, string reason);
    }
}
