namespace Belay.Telemetry;

/// <summary>Every name that leaves the process: spans, attributes, events, metrics. Dashboards rely on them, so they are in one place.</summary>
public static class TelemetryNames
{
    /// <summary>Name of the activity source and of the meter.</summary>
    public const string Source = "Belay";

    /// <summary>Names of spans. A tool's and an invocation's are followed by a space and the tool's or harness's name.</summary>
    public static class Spans
    {
        /// <summary>One invocation, from its acceptance to its stop reason.</summary>
        public const string Invocation = "invoke_agent";

        /// <summary>One iteration: a model call and the tool calls that it asked for.</summary>
        public const string Cycle = "execute_event_loop_cycle";

        /// <summary>One attempt at a model call.</summary>
        public const string Chat = "chat";

        /// <summary>One tool call.</summary>
        public const string Tool = "execute_tool";

        /// <summary>A sandbox starts.</summary>
        public const string SandboxStart = "sandbox.start";

        /// <summary>A command runs in a sandbox, for a tool or for a client.</summary>
        public const string Command = "execute_command";
    }

    /// <summary>Names of attributes, of spans and of metrics.</summary>
    public static class Attributes
    {
        /// <summary>The session's id; on spans, never on metrics.</summary>
        public const string SessionId = "session.id";

        /// <summary>Which system this is, in the older conventions.</summary>
        public const string System = "gen_ai.system";

        /// <summary>The model's provider, in the newest conventions, instead of <see cref="System"/>.</summary>
        public const string ProviderName = "gen_ai.provider.name";

        /// <summary>What a span or a measurement is about.</summary>
        public const string OperationName = "gen_ai.operation.name";

        /// <summary>When a span began, as a date.</summary>
        public const string StartTime = "gen_ai.event.start_time";

        /// <summary>When a span ended, as a date.</summary>
        public const string EndTime = "gen_ai.event.end_time";

        /// <summary>The harness's name.</summary>
        public const string AgentName = "gen_ai.agent.name";

        /// <summary>Names of the tools in force, as a JSON list.</summary>
        public const string AgentTools = "gen_ai.agent.tools";

        /// <summary>The model's id.</summary>
        public const string RequestModel = "gen_ai.request.model";

        /// <summary>Why the model stopped, as a list of one.</summary>
        public const string FinishReasons = "gen_ai.response.finish_reasons";

        /// <summary>Tokens that the model read.</summary>
        public const string InputTokens = "gen_ai.usage.input_tokens";

        /// <summary>Tokens that the model wrote.</summary>
        public const string OutputTokens = "gen_ai.usage.output_tokens";

        /// <summary>The sum of both.</summary>
        public const string TotalTokens = "gen_ai.usage.total_tokens";

        /// <summary>The older name of <see cref="InputTokens"/>.</summary>
        public const string PromptTokens = "gen_ai.usage.prompt_tokens";

        /// <summary>The older name of <see cref="OutputTokens"/>.</summary>
        public const string CompletionTokens = "gen_ai.usage.completion_tokens";

        /// <summary>Tokens read from the provider's cache.</summary>
        public const string CacheReadTokens = "gen_ai.usage.cache_read_input_tokens";

        /// <summary>Tokens written to the provider's cache.</summary>
        public const string CacheWriteTokens = "gen_ai.usage.cache_write_input_tokens";

        /// <summary>Whether <c>input</c> or <c>output</c> tokens are counted.</summary>
        public const string TokenType = "gen_ai.token.type";

        /// <summary>Milliseconds to the first event of a reply.</summary>
        public const string TimeToFirstToken = "gen_ai.server.time_to_first_token";

        /// <summary>Milliseconds of an attempt at a model call.</summary>
        public const string RequestDuration = "gen_ai.server.request.duration";

        /// <summary>Attempts at a model call; in traces that are read from journals.</summary>
        public const string ModelAttempts = "belay.model.attempts";

        /// <summary>Which fallback of the model it is, from 1.</summary>
        public const string ModelFallback = "belay.model.fallback";

        /// <summary>Model that it took over from.</summary>
        public const string ModelSwitchedFrom = "belay.model.switched_from";

        /// <summary>What kind of failure made it take over.</summary>
        public const string ModelSwitchReason = "belay.model.switch_reason";

        /// <summary>How many of the oldest messages a model call was not shown; in traces that are read from journals.</summary>
        public const string ContextLeftOut = "belay.context.left_out";

        /// <summary>How the conversation was shortened last within a cycle; in traces that are read from journals.</summary>
        public const string ContextReduced = "belay.context.reduced";

        /// <summary>The file that holds a result of which the model was shown a part; in traces that are read from journals.</summary>
        public const string ToolOffloaded = "belay.tool.offloaded";

        /// <summary>A tool's name.</summary>
        public const string ToolName = "gen_ai.tool.name";

        /// <summary>Id of a tool call.</summary>
        public const string ToolCallId = "gen_ai.tool.call.id";

        /// <summary>What was decided about a tool call; in traces that are read from journals.</summary>
        public const string ToolVerdict = "belay.tool.verdict";

        /// <summary>How a tool call ended: <c>success</c> or <c>error</c>.</summary>
        public const string ToolStatus = "gen_ai.tool.status";

        /// <summary>What the model is told about a tool.</summary>
        public const string ToolDescription = "gen_ai.tool.description";

        /// <summary>JSON Schema of a tool's arguments.</summary>
        public const string ToolSchema = "gen_ai.tool.json_schema";

        /// <summary>A tool call's arguments; content.</summary>
        public const string ToolArguments = "gen_ai.tool.call.arguments";

        /// <summary>A tool call's result; content.</summary>
        public const string ToolResult = "gen_ai.tool.call.result";

        /// <summary>Id of a cycle: the invocation's id and the iteration.</summary>
        public const string CycleId = "event_loop.cycle_id";

        /// <summary>Id of the cycle before, within one invocation.</summary>
        public const string ParentCycleId = "event_loop.parent_cycle_id";

        /// <summary>The harness's ARN.</summary>
        public const string HarnessArn = "harness.arn";

        /// <summary>The version that serves.</summary>
        public const string HarnessVersion = "harness.version";

        /// <summary>The endpoint that was invoked.</summary>
        public const string HarnessQualifier = "harness.qualifier";

        /// <summary>The actor's id, where it is known; on spans, never on metrics.</summary>
        public const string ActorId = "actor.id";

        /// <summary>Why an invocation ended.</summary>
        public const string StopReason = "stop_reason";

        /// <summary>Id of an invocation in the journal.</summary>
        public const string InvocationId = "belay.invocation.id";

        /// <summary>Id of a sandbox.</summary>
        public const string SandboxId = "belay.sandbox.id";

        /// <summary>Driver of a sandbox.</summary>
        public const string SandboxDriver = "belay.sandbox.driver";

        /// <summary>Whether something was given up before its end.</summary>
        public const string Cancelled = "belay.cancelled";

        /// <summary>Whether a command was killed at its time limit.</summary>
        public const string TimedOut = "belay.timed_out";

        /// <summary>Whether an append waited for the disk: <c>synced</c> or <c>queued</c>.</summary>
        public const string Durability = "belay.durability";

        /// <summary>Exit code of a command.</summary>
        public const string ExitCode = "process.exit.code";

        /// <summary>A command line; content.</summary>
        public const string CommandLine = "process.command_line";

        /// <summary>What went wrong: a member of a closed set, never a message.</summary>
        public const string ErrorType = "error.type";

        /// <summary>HTTP method.</summary>
        public const string HttpMethod = "http.request.method";

        /// <summary>HTTP status.</summary>
        public const string HttpStatus = "http.response.status_code";

        /// <summary>The request's id, as the answer names it.</summary>
        public const string RequestId = "aws.request_id";

        /// <summary>Operation of a service metric.</summary>
        public const string Operation = "Operation";

        /// <summary>Tool of a <c>strands.tool</c> metric.</summary>
        public const string MetricTool = "tool_name";

        /// <summary>Type of an exception.</summary>
        public const string ExceptionType = "exception.type";

        /// <summary>Message of an exception; it may repeat content.</summary>
        public const string ExceptionMessage = "exception.message";
    }

    /// <summary>Names of span events. All but <see cref="Exception"/> and <see cref="ModelSwitched"/> carry content and exist only where it may be captured.</summary>
    public static class Events
    {
        /// <summary>Something failed.</summary>
        public const string Exception = "exception";

        /// <summary>Another model took over from one whose call failed.</summary>
        public const string ModelSwitched = "belay.model.switched";

        /// <summary>The instructions.</summary>
        public const string System = "gen_ai.system.message";

        /// <summary>A message of the user.</summary>
        public const string User = "gen_ai.user.message";

        /// <summary>A message of the model.</summary>
        public const string Assistant = "gen_ai.assistant.message";

        /// <summary>A message with tool results, or a tool call's arguments.</summary>
        public const string Tool = "gen_ai.tool.message";

        /// <summary>What came out: the reply, or a tool's result.</summary>
        public const string Choice = "gen_ai.choice";

        /// <summary>All of the above in one, in the newest conventions.</summary>
        public const string Details = "gen_ai.client.inference.operation.details";

        /// <summary>Attribute of a message: its text or its blocks.</summary>
        public const string Content = "content";

        /// <summary>Attribute of a choice: what was said.</summary>
        public const string Message = "message";

        /// <summary>Attribute of a choice: why it ended.</summary>
        public const string FinishReason = "finish_reason";

        /// <summary>Attribute of <see cref="Details"/>: what the model was shown.</summary>
        public const string InputMessages = "gen_ai.input.messages";

        /// <summary>Attribute of <see cref="Details"/>: what it said.</summary>
        public const string OutputMessages = "gen_ai.output.messages";

        /// <summary>Attribute of <see cref="Details"/>: the instructions.</summary>
        public const string Instructions = "gen_ai.system_instructions";
    }

    /// <summary>Names of metrics.</summary>
    public static class Metrics
    {
        /// <summary>Iterations.</summary>
        public const string CycleCount = "strands.event_loop.cycle_count";

        /// <summary>Iterations that began.</summary>
        public const string StartCycle = "strands.event_loop.start_cycle";

        /// <summary>Iterations that ended.</summary>
        public const string EndCycle = "strands.event_loop.end_cycle";

        /// <summary>Seconds of an iteration.</summary>
        public const string CycleDuration = "strands.event_loop.cycle_duration";

        /// <summary>Milliseconds of a model call's attempt.</summary>
        public const string Latency = "strands.event_loop.latency";

        /// <summary>Tokens read in a model call.</summary>
        public const string InputTokens = "strands.event_loop.input.tokens";

        /// <summary>Tokens written in a model call.</summary>
        public const string OutputTokens = "strands.event_loop.output.tokens";

        /// <summary>Tokens read from the cache in a model call.</summary>
        public const string CacheReadTokens = "strands.event_loop.cache_read.input.tokens";

        /// <summary>Tokens written to the cache in a model call.</summary>
        public const string CacheWriteTokens = "strands.event_loop.cache_write.input.tokens";

        /// <summary>Milliseconds to a reply's first event.</summary>
        public const string TimeToFirstToken = "strands.model.time_to_first_token";

        /// <summary>Tool calls.</summary>
        public const string ToolCalls = "strands.tool.call_count";

        /// <summary>Tool calls that worked.</summary>
        public const string ToolSuccesses = "strands.tool.success_count";

        /// <summary>Tool calls that did not.</summary>
        public const string ToolErrors = "strands.tool.error_count";

        /// <summary>Seconds of a tool call.</summary>
        public const string ToolDuration = "strands.tool.duration";

        /// <summary>Requests of the data plane.</summary>
        public const string Invocations = "Invocations";

        /// <summary>Those that were throttled.</summary>
        public const string Throttles = "Throttles";

        /// <summary>Those that the server failed. Metric names have no spaces.</summary>
        public const string SystemErrors = "SystemErrors";

        /// <summary>Those that were refused.</summary>
        public const string UserErrors = "UserErrors";

        /// <summary>Milliseconds from a request's arrival to the end of its answer.</summary>
        public const string RequestLatency = "Latency";

        /// <summary>Sessions that began.</summary>
        public const string Sessions = "Sessions";

        /// <summary>Tokens of model calls, by type.</summary>
        public const string TokenUsage = "gen_ai.client.token.usage";

        /// <summary>Seconds of model calls, one for each attempt.</summary>
        public const string OperationDuration = "gen_ai.client.operation.duration";

        /// <summary>Seconds of an append to a journal, sealing included.</summary>
        public const string JournalAppend = "belay.journal.append.duration";

        /// <summary>Seconds in which a sandbox started.</summary>
        public const string SandboxStart = "belay.sandbox.start.duration";

        /// <summary>Sessions that hold a lease and work, now.</summary>
        public const string ActiveSessions = "belay.sessions.active";

        /// <summary>Sandboxes that run, now.</summary>
        public const string RunningSandboxes = "belay.sandboxes.running";

        /// <summary>Model calls under way, now.</summary>
        public const string ActiveModelCalls = "belay.model.calls.active";

        /// <summary>Times that another model took over.</summary>
        public const string ModelSwitches = "belay.model.switches";

        /// <summary>Endpoints of models that are not asked, because their last calls failed, now.</summary>
        public const string OpenCircuits = "belay.model.circuits.open";
    }
}
