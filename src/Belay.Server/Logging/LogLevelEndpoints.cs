using Belay.Contracts.Faults;
using Belay.Contracts.Operators;
using Belay.Server.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Belay.Server.Logging;

/// <summary>Reads and sets what the server logs, while it runs. For keys of the operator's account.</summary>
public static partial class LogLevelEndpoints
{
    private const string Path = "/belay/v1/log-level";

    /// <summary>The operations.</summary>
    /// <param name="levels">What they read and set.</param>
    /// <param name="account">The operator's account.</param>
    /// <param name="logger">Where a change is noted.</param>
    public static IEnumerable<Operation> Operations(LogLevels levels, string account, ILogger logger) =>
    [
        new("GetLogLevel", HttpMethods.Get, Path, Operation.ControlBodyBytes, (call, _) =>
        {
            OperatorAccount.Demand(call.Caller, account);
            return AnswerAsync(call, levels);
        })
        { About = () => new("Shows what the server logs at least.", null, OperatorJson.Default.LogLevelSetting) },
        new("PutLogLevel", HttpMethods.Put, Path, Operation.ControlBodyBytes, (call, _) =>
        {
            OperatorAccount.Demand(call.Caller, account);
            var asked = call.Bind(OperatorJson.Default.LogLevelSetting).Level;
            levels.Level = LogLevels.Find(asked)
                ?? throw ServiceException.Invalid([new FieldProblem("level", $"must be one of {string.Join(", ", LogLevels.Names)}.")]);
            Log.Changed(logger, LogLevels.NameOf(levels.Level), call.Caller.AccessKeyId);
            return AnswerAsync(call, levels);
        })
        { About = () => new("Sets what the server logs at least, until it stops.", OperatorJson.Default.LogLevelSetting, OperatorJson.Default.LogLevelSetting), NeedsAccessKey = true },
    ];

    private static Task AnswerAsync(OperationCall call, LogLevels levels) =>
        call.RespondAsync(StatusCodes.Status200OK, new() { Level = LogLevels.NameOf(levels.Level) }, OperatorJson.Default.LogLevelSetting);

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The log level is {Level} now; access key {AccessKeyId} set it.")]
        public static partial void Changed(ILogger logger, string level, string accessKeyId);
    }
}
