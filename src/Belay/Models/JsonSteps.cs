using System.Text.Json;

namespace Belay.Models;

/// <summary>Steps through a provider's JSON without building it.</summary>
internal static class JsonSteps
{
    /// <summary>The reader stands at the beginning of an object.</summary>
    /// <exception cref="JsonException">It does not.</exception>
    public static void BeginObject(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not JsonTokenType.StartObject)
        {
            throw new JsonException("An object was expected.");
        }
    }

    /// <summary>The reader stands at the beginning of an array.</summary>
    /// <exception cref="JsonException">It does not.</exception>
    public static void BeginArray(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not JsonTokenType.StartArray)
        {
            throw new JsonException("An array was expected.");
        }
    }

    /// <summary>Goes on to the next member's name; false at the object's end.</summary>
    public static bool NextMember(ref Utf8JsonReader reader) => reader.Read() && reader.TokenType is JsonTokenType.PropertyName;

    /// <summary>Goes on to the next item; false at the array's end.</summary>
    public static bool NextItem(ref Utf8JsonReader reader) => reader.Read() && reader.TokenType is not JsonTokenType.EndArray;
}
