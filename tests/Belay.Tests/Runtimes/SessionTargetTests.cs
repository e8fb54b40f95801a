using Belay.Server.Runtimes;
using Belay.Storage;

namespace Belay.Tests.Runtimes;

public sealed class SessionTargetTests
{
    private const string Arn = "arn:aws:bedrock-agentcore:us-west-2:000000000000:harness/test-AAAAAAAAAA";
    private static readonly Scope Caller = new("000000000000", "us-west-2");

    [Fact]
    public void HarnessArn_AndItsIdWithAnAccount_AreTargets()
    {
        Assert.Empty(SessionTarget.Problems(Arn, null, null));
        Assert.Empty(SessionTarget.Problems("test-AAAAAAAAAA", "000000000000", null));
        Assert.Equal(Arn, SessionTarget.HarnessArnOf(Caller, Arn, null));
        Assert.Equal(Arn, SessionTarget.HarnessArnOf(Caller, "test-AAAAAAAAAA", "000000000000"));
    }

    [Theory]
    [InlineData("arn:aws:bedrock-agentcore:us-west-2:000000000000:runtime/harness_test-AAAAAAAAAA", "managed by a harness")]
    [InlineData("arn:aws:bedrock-agentcore:us-west-2:999999999999:runtime/other-AAAAAAAAAA", "managed by a harness")]
    [InlineData("test-AAAAAAAAAA", "must be the ARN of a harness")]
    [InlineData("../x", "must be the ARN of a harness")]
    public void AnythingElse_IsRefusedWithTheField(string label, string message)
    {
        var problem = Assert.Single(SessionTarget.Problems(label, null, null));

        Assert.Equal("agentRuntimeArn", problem.Name);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(32, false)]
    [InlineData(33, true)]
    [InlineData(100, true)]
    [InlineData(101, false)]
    public void SessionId_HasTheLengthOfInvokeHarness(int length, bool valid)
    {
        var id = new string('a', length);

        Assert.Equal(valid, !SessionTarget.Problems(Arn, null, id).Any());
        Assert.Single(SessionTarget.Problems(Arn, null, "-" + id));
        Assert.Single(SessionTarget.Problems(Arn, null, new string('a', 40) + "\n"));
    }
}
