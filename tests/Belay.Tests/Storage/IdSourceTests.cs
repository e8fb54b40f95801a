using Belay.Storage;

namespace Belay.Tests.Storage;

public sealed class IdSourceTests
{
    [Fact]
    public void NewAlphanumeric_HasLengthAndAlphabet()
    {
        var id = IdSource.System.NewAlphanumeric(10);

        Assert.Matches("^[A-Za-z0-9]{10}$", id);
    }
}
