using Belay.Storage;
using Belay.Telemetry;

namespace Belay.Tests.Telemetry;

public sealed class TraceContextTests
{
    [Fact]
    public void TraceParent_IsTheCallersTrace() =>
        Assert.Equal(
            new TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", Sampled: false, "a=b"),
            TraceContext.Find("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", "a=b", "Root=1-5759e988-bd862e3fe1be46a994272793"));

    [Fact]
    public void AmazonTraceId_IsTheCallersTrace() =>
        Assert.Equal(
            new TraceContext("5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8", Sampled: false, null),
            TraceContext.Find(null, null, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995C3F42CD8AD8;Sampled=0"));

    [Theory]
    [InlineData("")]
    [InlineData("00-00000000000000000000000000000000-b7ad6b7169203331-01")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331")]
    [InlineData("zz-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    public void UnreadableHeaders_NameNoTrace(string header)
    {
        Assert.Null(TraceContext.Find(header, null, null));
        Assert.Null(TraceContext.Find(null, null, header));
        Assert.Null(TraceContext.Find(null, null, "Root=1-" + header));
    }

    [Fact]
    public void Begin_IsAWholeTrace()
    {
        var trace = TraceContext.Begin(IdSource.System);

        Assert.Matches("^[0-9a-f]{32}$", trace.TraceId);
        Assert.True(trace is { ParentSpanId: null, Sampled: true, State: null });
    }
}
