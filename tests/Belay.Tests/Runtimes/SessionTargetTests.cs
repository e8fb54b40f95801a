using Belay.Contracts.Faults;
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
        var fault = Assert.Throws<ServiceException>(() => SessionTarget.HarnessArnOf(Caller, label, null));

        Assert.Equal("agentRuntimeArn", Assert.Single(fault.Fields).Name);
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(32, false)]
    [InlineData(33, true)]
    [InlineData(100, true)]
    [InlineData(101, false)]
    public void SessionId_HasTheLengthOfInvokeHarness(int length, bool valid)
    {
        var id = new string('a', length);

        Assert.Equal(valid, Record.Exception(() => SessionTarget.Checked(id)) is null);
        Assert.ThrowsAny<ServiceException>(() => SessionTarget.Checked("-" + id));
        Assert.ThrowsAny<ServiceException>(() => SessionTarget.Checked(new string('a', 40) + "\n"));
    }
}
