using System.Text.Json.Nodes;
using Belay.Bench.Loop.Driving;
using Belay.Bench.Loop.Measuring;
using Belay.Bench.Loop.Product;
using Belay.Bench.Loop.Provider;
using Belay.Testing.Clients;

namespace Belay.Bench.Loop.Rows;

/// <summary>
/// How many of the tokens that the model reads come from the provider's cache, in a session of thirty turns. The provider counts them as a real one
/// would; what is shown is the product's own sum over its journal. Counted, not timed: a busy machine changes nothing.
/// </summary>
internal static class CachingRow
{
    /// <summary>As the command line names it.</summary>
    public const string Name = "caching";

    private const int Turns = 30;
    private const int SystemLength = 6000;

    /// <summary>One call of a tool an iteration.</summary>
    public static Metric One { get; } = Share("two calls of tools a turn, one after the other");

    /// <summary>More calls at a time than a provider looks back over blocks.</summary>
    public static Metric Many { get; } = Share("two times twelve calls of tools a turn, side by side");

    /// <summary>The product with a model that speaks a format. Who caches by itself cannot be told not to.</summary>
    public static string Subject(WireFormat format, bool on) => $"{Names.Belay}, {format.Name}{(!format.Marks ? "" : on ? ", caching on" : ", caching off")}";

    /// <summary>Runs the row.</summary>
    public static async Task RunAsync(Run run, CancellationToken cancellationToken)
    {
        var programs = new[]
        {
            (Program: await run.Field.StartBelayAsync([], cancellationToken), On: true),
            (Program: await run.Field.StartBelayAsync(["Models:PromptCaching=false"], cancellationToken), On: false),
        };
        foreach (var (metric, atATime) in ((Metric, int)[])[(One, 1), (Many, 12)])
        {
            foreach (var format in WireFormat.All)
            {
                foreach (var (program, on) in programs.Where(program => program.On || format.Marks))
                {
                    var subject = Subject(format, on);
                    await run.TryAsync(Name, subject, async () =>
                        run.Results.Add(metric, subject, await ShareAsync(run.Field, program, format, new(2, 64, "none", atATime), cancellationToken)));
                }
            }
        }
    }

    private static async Task<double> ShareAsync(Field field, BelayProgram program, WireFormat format, Script script, CancellationToken cancellationToken)
    {
        var session = field.NewSession();
        var model = JsonNode.Parse(format.Configuration(script, field.Provider))!;
        for (var turn = 0; turn < Turns; turn++)
        {
            // Instructions of its own for each session, so that none profits from another.
            var body = HarnessClient.UserText($"Turn {turn}. {new string('q', 200)}");
            body["model"] = model.DeepClone();
            body["systemPrompt"] = new JsonArray(new JsonObject { ["text"] = $"Session {session}. ".PadRight(SystemLength, 's') });
            var answer = await program.Client.TurnAsync(program.HarnessArn, session, body, cancellationToken);
            if (answer.Stops is not [.., "end_turn"])
            {
                throw new WrongAnswerException($"Turn {turn} ended with {string.Join(' ', answer.Stops)} {answer.Exception?.Payload}.");
            }
        }

        var summary = await program.Client.CallAsync(
            HttpMethod.Get, $"/belay/v1/harnesses/{program.HarnessArn.Split('/')[^1]}/sessions/{session}", body: null, cancellationToken);
        var usage = summary["session"]!["usage"]!;
        var (input, read, written) = (Count("input"), Count("cacheRead"), Count("cacheWrite"));
        return 100.0 * read / (format.CountsCacheWithin ? input : input + read + written);

        long Count(string kind) => (long)usage[kind]!;
    }

    private static Metric Share(string what) => new(Name, $"tokens read from the provider's cache in {Turns} turns, {what}", "% of those read");
}
