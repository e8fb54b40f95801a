using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Belay.Contracts;

/// <summary>
/// Values of a closed set by their names on the wire, exactly. It holds next to no code of its own kind for each set: the library's
/// converter is compiled again for every one, by a process that somebody waits for to start.
/// </summary>
/// <typeparam name="TEnum">The set; each value names itself with <see cref="JsonStringEnumMemberNameAttribute"/>.</typeparam>
public sealed class WireEnumConverter<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicFields)] TEnum> : JsonConverter<TEnum>, IWireNames
    where TEnum : struct, Enum
{
    private readonly WireNames _names = WireNames.Of(typeof(TEnum));

    /// <summary>The names, in the order of the values.</summary>
    public IReadOnlyList<string> Names => _names.All;

    /// <inheritdoc/>
    public override TEnum Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Unsafe.BitCast<int, TEnum>(_names.Read(ref reader));

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, TEnum value, JsonSerializerOptions options) =>
        _names.Write(writer, Unsafe.BitCast<TEnum, int>(value));
}

/// <summary>What a closed set's converter knows, whatever the set.</summary>
internal interface IWireNames
{
    /// <summary>The names, in the order of the values.</summary>
    IReadOnlyList<string> Names { get; }
}

/// <summary>The names of a closed set whose values are numbered from 0 on.</summary>
internal sealed class WireNames
{
    private readonly string[] _all;

    private WireNames(string[] all) => _all = all;

    /// <summary>All names; a value's number is its place.</summary>
    public IReadOnlyList<string> All => _all;

    /// <summary>The names of a set.</summary>
    public static WireNames Of([DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicFields)] Type set)
    {
        var fields = set.GetFields(BindingFlags.Public | BindingFlags.Static);
        var all = new string[fields.Length];
        foreach (var field in fields)
        {
            // Two values of one number, or a gap, leave a place empty or name one that is not there.
            all[(int)field.GetRawConstantValue()!] = field.GetCustomAttribute<JsonStringEnumMemberNameAttribute>()?.Name ?? field.Name;
        }

        return new(all);
    }

    /// <summary>The number of the name that comes next.</summary>
    public int Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            for (var i = 0; i < _all.Length; i++)
            {
                if (reader.ValueTextEquals(_all[i]))
                {
                    return i;
                }
            }
        }

        throw new JsonException($"The value is none of {string.Join(", ", _all)}.");
    }

    /// <summary>Writes the name of a number.</summary>
    public void Write(Utf8JsonWriter writer, int value) => writer.WriteStringValue(_all[value]);
}
