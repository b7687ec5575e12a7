/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The documents of container images: what is taken, and that what does not have the form
 * that it should have is an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/strbuf.h"
#include "image/json.h"

#define HEX	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST	"\"digest\": \"sha256:" HEX "\""
#define ONE	"{" DIGEST ", \"size\": 7}"
#define CONFIG	"\"config\": " ONE
#define BAD_HEX "\"digest\": \"sha256:../../../../etc/passwd\""

static struct error err;

static int parse_document(const char *text, struct oci_document *ret)
{
	return oci_document_parse(text, strlen(text), ret, &err);
}

static void an_index_and_a_manifest_are_told_apart(void **state)
{
	struct oci_document d;

	(void)state;
	assert_int_equal(
		parse_document("{\"manifests\": [{" DIGEST ", \"size\": 9,"
			       "\"platform\": {\"os\": \"linux\", \"architecture\": "
			       "\"arm64\"}, \"annotations\": "
			       "{\"org.opencontainers.image.ref.name\": \"1\", "
			       "\"io.containerd.image.name\": \"a:1\"}}]}",
			&d),
		0);
	assert_true(d.is_index);
	assert_int_equal(d.items.len, 1);
	assert_string_equal(d.items.items[0].digest, HEX);
	assert_int_equal(d.items.items[0].size, 9);
	assert_string_equal(d.items.items[0].name, "a:1");
	assert_string_equal(d.items.items[0].os, "linux");
	assert_string_equal(d.items.items[0].architecture, "arm64");
	oci_document_done(&d);
	assert_int_equal(
		parse_document("{" CONFIG ", \"layers\": [" ONE "," ONE "]}", &d), 0);
	assert_false(d.is_index);
	assert_int_equal(d.items.len, 2);
	assert_string_equal(d.config.digest, HEX);
	assert_null(d.items.items[0].os);
	oci_document_done(&d);
}

static void bad_documents_are_errors(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "not JSON"},
		{"{\"manifests\": [] ", "not JSON"},
		{"{\"manifests\": [], \"manifests\": []}", "duplicate"},
		{"[]", "neither an index nor a manifest"},
		{"{}", "neither an index nor a manifest"},
		{"{\"manifests\": [], \"layers\": [], " CONFIG "}",
			"neither an index nor a manifest"},
		{"{\"manifests\": 7}", "its list of images or layers is not a list"},
		{"{\"manifests\": [7]}", "a digest is missing"},
		{"{\"manifests\": [{" BAD_HEX ", \"size\": 1}]}", "no SHA-256 digest"},
		{"{\"manifests\": [{\"digest\": \"sha512:" HEX "\", \"size\": 1}]}",
			"no SHA-256 digest"},
		{"{\"manifests\": [{\"digest\": \"sha256:" HEX "0\", \"size\": 1}]}",
			"no SHA-256 digest"},
		{"{\"manifests\": [{" DIGEST "}]}", "the size of"},
		{"{\"manifests\": [{" DIGEST ", \"size\": -1}]}", "the size of"},
		{"{\"layers\": [" ONE "]}", "a digest is missing"},
	};
	struct oci_document d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse_document(cases[i].text, &d), -1);
		if (!strstr(err.msg, cases[i].message))
			fail_msg("%s: %s", cases[i].text, err.msg);
	}
}

static void there_may_not_be_too_many_layers(void **state)
{
	CLEANUP_STRBUF struct strbuf text = {0};
	struct oci_document d;

	(void)state;
	strbuf_adds(&text, "{" CONFIG ", \"layers\": [" ONE);
	for (int i = 0; i < IMAGE_LAYERS_MAX; i++)
		strbuf_adds(&text, ", " ONE);
	strbuf_adds(&text, "]}");
	assert_int_equal(parse_document(text.data, &d), -1);
	assert_non_null(strstr(err.msg, "has 1001 layers"));
}

static void a_configuration_says_how_to_run(void **state)
{
	static const char text[] =
		"{\"os\": \"linux\", \"architecture\": \"amd64\", \"rootfs\": {\"diff_ids\": "
		"[\"sha256:" HEX
		"\"]}, \"config\": {\"Env\": [\"A=1\", \"BARE\", \"=x\", "
		"\"B=\"], \"Entrypoint\": null, \"Cmd\": [\"a\", \"b\"], \"WorkingDir\": "
		"\"srv\", \"User\": \"\"}}";
	struct oci_config c;

	(void)state;
	assert_int_equal(oci_config_parse(text, strlen(text), &c, &err), 0);
	assert_int_equal(c.layers.len, 1);
	assert_string_equal(c.layers.items[0], HEX);
	assert_int_equal(c.image.env.len, 2);
	assert_string_equal(c.image.env.items[1], "B=");
	assert_int_equal(c.image.entrypoint.len, 0);
	assert_int_equal(c.image.words.len, 2);
	assert_string_equal(c.image.cwd, "/srv");
	assert_null(c.image.user);
	/* As the manifest of an appliance keeps it. */
	json_t *json = image_config_json(&c.image);
	struct image_config again;
	assert_int_equal(image_config_parse(json, &again, &err), 0);
	assert_string_equal(again.words.items[1], "b");
	assert_string_equal(again.cwd, "/srv");
	json_decref(json);
	image_config_done(&again);
	oci_config_done(&c);
	/* An image without layers of its own may say nothing. */
	assert_int_equal(oci_config_parse("{}", 2, &c, &err), 0);
	oci_config_done(&c);
}

static void bad_configurations_are_errors(void **state)
{
	static const char *const cases[][2] = {
		{"[]", "not a JSON object"},
		{"{\"config\": []}", "'config' is not an object"},
		{"{\"config\": {\"Cmd\": \"sh\"}}", "'Cmd' is not a list"},
		{"{\"config\": {\"Env\": [\"A=1\", 7]}}", "'Env' is not a list"},
		{"{\"config\": {\"User\": 7}}", "'User' is not a text"},
		{"{\"config\": {\"Env\": [\"A=\\u0000\"]}}", "not JSON"},
		{"{\"rootfs\": {\"diff_ids\": [7]}}", "digest is missing"},
	};
	struct oci_config c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *text = cases[i][0];
		assert_int_equal(oci_config_parse(text, strlen(text), &c, &err), -1);
		if (!strstr(err.msg, cases[i][1]))
			fail_msg("%s: %s", text, err.msg);
	}
}

static void a_docker_archive_names_its_files(void **state)
{
	static const char text[] =
		"[{\"Config\": \"c.json\", \"RepoTags\": null, \"Layers\": [\"1\", \"2\"]},"
		" {\"Config\": \"d.json\", \"RepoTags\": [\"x:1\"], \"Layers\": []}]";
	static const char *const bad[] = {"{}", "[]", "[7]", "[{\"Config\": 7}]",
		"[{\"Config\": \"c\", \"Layers\": [7]}]",
		"[{\"Config\": \"c\"}, {\"Config\": \"\"}]"};
	struct docker_images images;

	(void)state;
	assert_int_equal(docker_manifest_parse(text, strlen(text), &images, &err), 0);
	assert_int_equal(images.len, 2);
	assert_string_equal(images.items[0].config, "c.json");
	assert_int_equal(images.items[0].names.len, 0);
	assert_string_equal(images.items[0].layers.items[1], "2");
	assert_string_equal(images.items[1].names.items[0], "x:1");
	docker_images_done(&images);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(
			docker_manifest_parse(bad[i], strlen(bad[i]), &images, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_index_and_a_manifest_are_told_apart),
		cmocka_unit_test(bad_documents_are_errors),
		cmocka_unit_test(there_may_not_be_too_many_layers),
		cmocka_unit_test(a_configuration_says_how_to_run),
		cmocka_unit_test(bad_configurations_are_errors),
		cmocka_unit_test(a_docker_archive_names_its_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
