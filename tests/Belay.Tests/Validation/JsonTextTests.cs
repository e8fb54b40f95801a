using System.Text;
using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Contracts.Validation;

namespace Belay.Tests.Validation;

public sealed class JsonTextTests
{
    [Fact]
    public void ParsingVectors_AreAcceptedAndRefusedAsTheirNamesSay()
    {
        var files = Directory.GetFiles(Vectors.Require("json-parsing", 318), "*.json");
        var wrong = new List<string>();
        foreach (var file in files)
        {
            var name = Path.GetFileName(file);
            var accepted = Accepts(File.ReadAllBytes(file));
            if (accepted ? name[0] == 'n' : name[0] == 'y')
            {
                wrong.Add(name);
            }
        }

        Assert.Empty(wrong);
        Assert.Equal(318, files.Length);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("\"\\ud800\"", false)]
    [InlineData("\"\\udc00\\ud800\"", false)]
    [InlineData("{\"\\ud800\":1}", false)]
    [InlineData("\"\\ud83d\\ude00\"", true)]
    [InlineData("{}{}", false)]
    [InlineData("{} x", false)]
    [InlineData("{} \n", true)]
    [InlineData("// no\n{}", false)]
    [InlineData("{\"a\":1,}", false)]
    public void Text_IsAccepted(string json, bool accepted) => Assert.Equal(accepted, Accepts(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void InvalidUtf8_IsRefused() => Assert.False(Accepts([(byte)'"', 0xC3, 0x28, (byte)'"']));

    [Fact]
    public void Depth64_IsTheDeepest()
    {
        Assert.True(Accepts(Encoding.ASCII.GetBytes(new string('[', 64) + new string(']', 64))));

        var problem = Assert.Throws<ServiceException>(() => JsonText.Check(Encoding.ASCII.GetBytes(new string('[', 65) + new string(']', 65))));

        Assert.Equal("The request body cannot be parsed: it is nested deeper than 64 levels.", problem.Message);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("\"\"")]
    public void AMillionValues_AreTheMost(string value)
    {
        // The array that holds them is one of them.
        byte[] Array(int count) => Encoding.ASCII.GetBytes($"[{string.Join(',', Enumerable.Repeat(value, count))}]");
        Assert.True(Accepts(Array(999_999)));

        var problem = Assert.Throws<ServiceException>(() => JsonText.Check(Array(1_000_000)));

        Assert.Equal("The request body cannot be parsed: it has more than 1000000 values.", problem.Message);
    }

    [Fact]
    public void MembersCountAsValues()
    {
        var members = string.Join(',', Enumerable.Range(0, 1_000_000).Select(i => $"\"{i:x}\":1"));

        var problem = Assert.Throws<ServiceException>(() => JsonText.ReadObject(Encoding.ASCII.GetBytes($"{{{members}}}"), ["a"]));

        Assert.Equal("The request body cannot be parsed: it has more than 1000000 values.", problem.Message);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("1")]
    [InlineData("null")]
    [InlineData("\"x\"")]
    public void ReadObject_WantsAnObject(string json)
    {
        var problem = Assert.Throws<ServiceException>(() => JsonText.ReadObject(Encoding.UTF8.GetBytes(json), ["x"]));

        Assert.Equal(ValidationReason.CannotParse, problem.Reason);
        Assert.Equal("The request body cannot be parsed: it must be a JSON object.", problem.Message);
    }

    [Fact]
    public void ReadObject_FindsEveryMembersValue()
    {
        var json = Encoding.UTF8.GetBytes(""" { "a" : 1, "b":{"c":[1,{}]} ,"d": [ ] ,"e":"x\u0041","a":null, "\u0066":true, "unknown":[{"a":2}] } """);

        var members = JsonText.ReadObject(json, ["a", "b", "d", "e", "f", "absent"]);

        Assert.Equal(
            new Dictionary<string, string> { ["a"] = "null", ["b"] = """{"c":[1,{}]}""", ["d"] = "[ ]", ["e"] = "\"x\\u0041\"", ["f"] = "true" },
            members.ToDictionary(member => member.Key, member => Encoding.UTF8.GetString(json[member.Value])));
    }

    private static bool Accepts(byte[] json)
    {
        try
        {
            JsonText.Check(json);
            JsonDocument.Parse(json).Dispose();
            return true;
        }
        catch (ServiceException problem) when (problem.Reason == ValidationReason.CannotParse)
        {
            return false;
        }
    }
}
