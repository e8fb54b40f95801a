using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Wire;

/// <summary>How long a reader of a stream may take nothing: it must not hold memory, a session and a sandbox for as long as it likes.</summary>
/// <param name="response">The stream's response; cut when the time is over.</param>
/// <param name="timeout">The time.</param>
/// <param name="time">The clock.</param>
internal sealed class WriteDeadline(HttpResponse response, TimeSpan timeout, TimeProvider time)
{
    /// <summary>Waits until a write has room. A reader that makes none has left.</summary>
    /// <exception cref="ConnectionResetException">The time is over.</exception>
    public async Task WaitAsync(ValueTask<FlushResult> write, CancellationToken cancellationToken)
    {
        if (write.IsCompletedSuccessfully)
        {
            return;
        }

        try
        {
            await write.AsTask().WaitAsync(timeout, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            response.HttpContext.Abort();
            throw new ConnectionResetException("The client does not read its stream.");
        }
    }
}
